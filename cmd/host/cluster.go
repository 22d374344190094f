package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
)

// defaultEndpoints are the members of configs/local3.
const defaultEndpoints = "127.0.0.1:7401,127.0.0.1:7402,127.0.0.1:7403"

// clusterFlags say which cluster a command talks to, and how patiently.
type clusterFlags struct {
	endpoints string
	timeout   time.Duration

	tokenFile     string
	insecureToken bool
	tls           tlsFlags
	file          string // a clientFile
}

func addCluster(cmd *cobra.Command) *clusterFlags {
	f := &clusterFlags{}
	fromEnv := cmp.Or(os.Getenv("PONTOON_ENDPOINTS"), defaultEndpoints)
	cmd.Flags().StringVar(&f.endpoints, "endpoints", fromEnv, "comma `list` of members' client addresses, host:port or https://host:port; environment PONTOON_ENDPOINTS")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "how long one request may take, retries included")
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", "`file` that holds the token of this client; environment PONTOON_TOKEN_FILE, or the token itself in PONTOON_TOKEN")
	cmd.Flags().BoolVar(&f.insecureToken, "insecure-token", false, "send the token without TLS, too, where others can read it")
	_ = cmd.MarkFlagFilename("token-file")
	cmd.Flags().StringVar(&f.file, "client-config", os.Getenv("PONTOON_CLIENT_CONFIG"), "YAML `file` with endpoints, ca, cert, key and server_name, for what neither flags nor environment say; environment PONTOON_CLIENT_CONFIG")
	_ = cmd.MarkFlagFilename("client-config", "yaml", "yml")
	f.tls.add(cmd)
	return f
}

// token puts the client's token into o: that of the flag, or else of the
// environment. A token is not a flag, since others on the machine see those.
func (f *clusterFlags) token(o *client.Options) error {
	o.InsecureToken = f.insecureToken
	if o.TokenFile = f.tokenFile; o.TokenFile != "" {
		return nil
	}
	o.Token, o.TokenFile = strings.TrimSpace(os.Getenv("PONTOON_TOKEN")), os.Getenv("PONTOON_TOKEN_FILE")
	if o.Token != "" && o.TokenFile != "" {
		return errors.New("both PONTOON_TOKEN and PONTOON_TOKEN_FILE are set; keep one")
	}
	return nil
}

// dial makes a client. It connects when it is first used.
func (f *clusterFlags) dial(cmd *cobra.Command) (*client.Client, error) {
	return f.dialWith(cmd, client.Options{})
}

func (f *clusterFlags) dialWith(cmd *cobra.Command, o client.Options) (*client.Client, error) {
	if f.timeout <= 0 {
		return nil, &usageError{cmd.CommandPath(), "--timeout must be above 0"}
	}
	file, err := readClientFile(f.file)
	if err != nil {
		return nil, &usageError{cmd.CommandPath(), fmt.Sprintf("--client-config: %v", err)}
	}
	o.Endpoints = f.members(cmd, file)
	file.fill(&f.tls.files)
	if err := f.tls.put(&o); err != nil {
		return nil, &usageError{cmd.CommandPath(), err.Error()}
	}
	if err := f.token(&o); err != nil {
		return nil, &usageError{cmd.CommandPath(), err.Error()}
	}
	o.RequestTimeout = f.timeout
	o.DialTimeout = min(f.timeout, 2*time.Second)
	c, err := client.New(o)
	if err != nil {
		return nil, &usageError{cmd.CommandPath(), fmt.Sprintf("--endpoints %s: %v", strings.Join(o.Endpoints, ","), err)}
	}
	return c, nil
}

// members are the endpoints of the flag or the environment, or else those of the
// client's file, or the default.
func (f *clusterFlags) members(cmd *cobra.Command, file clientFile) []string {
	given := cmd.Flags().Changed("endpoints") || os.Getenv("PONTOON_ENDPOINTS") != ""
	if !given && len(file.Endpoints) > 0 {
		return file.Endpoints
	}
	var all []string
	for e := range strings.SplitSeq(f.endpoints, ",") {
		if e = strings.TrimSpace(e); e != "" {
			all = append(all, e)
		}
	}
	return all
}

// with runs a command's work with a client and closes it.
func (f *clusterFlags) with(cmd *cobra.Command, work func(*client.Client) error) error {
	c, err := f.dial(cmd)
	if err != nil {
		return err
	}
	return errors.Join(work(c), c.Close())
}

// addConsistency gives a command the flag --stale.
func addConsistency(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("stale", false, "answer at once with whatever the member has, which may be old")
}

func level(stale bool) client.Consistency {
	if stale {
		return client.Stale
	}
	return client.Linearizable
}
