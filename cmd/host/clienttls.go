package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
)

// tlsFlags say with what a command speaks TLS to the members.
type tlsFlags struct{ files client.TLSFiles }

// add gives a command the flags. Each has a variable of the environment, and a key
// in the client's file.
func (f *tlsFlags) add(cmd *cobra.Command) {
	for _, x := range f.all() {
		cmd.Flags().StringVar(x.value, x.flag, os.Getenv(x.variable), x.text+"; environment "+x.variable)
		if x.flag != "server-name" {
			_ = cmd.MarkFlagFilename(x.flag)
		}
	}
}

// A tlsFlag is one of them.
type tlsFlag struct {
	flag, variable string
	value          *string
	text           string
}

func (f *tlsFlags) all() []tlsFlag {
	return []tlsFlag{
		{"ca", "PONTOON_CA", &f.files.CA, "PEM `file` of the authorities that sign the members' certificates for clients; by default the system's"},
		{"cert", "PONTOON_CERT", &f.files.Cert, "PEM `file` of this client's certificate"},
		{"key", "PONTOON_KEY", &f.files.Key, "PEM `file` of its private key"},
		{"server-name", "PONTOON_SERVER_NAME", &f.files.ServerName, "`name` that the members' certificates must have, instead of the host of the address"},
	}
}

// put puts TLS into o, if any of the files is named. The client itself sees to an
// endpoint whose scheme asks for it.
func (f *tlsFlags) put(o *client.Options) (err error) {
	if f.files != (client.TLSFiles{}) {
		o.TLS, err = f.files.Config()
	}
	return err
}
