package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/scaffold"
	"github.com/pontoon-raft/pontoon/sdk/node"
	"github.com/pontoon-raft/pontoon/sdk/python"
)

func newPluginNew() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new KIND NAME --lang go|python|node [DIR]",
		Short: "Make the folder of a new plugin",
		Long: `new makes a folder with a plugin that builds, runs and passes the conformance check:
the smallest honest one of its KIND, to be made into something else. That is for a
statemachine a ledger, for a storage a log in one file, and for a transport messages over
TCP, each in Go, Python or Node. The folder is NAME, unless DIR is given; no file that is
there is overwritten.

In the folder, "make build" builds the plugin and writes its SHA-256 into the
configurations of three members, "make test" runs its tests, "make check" the
conformance check, and "make run3" three hosts on this machine.

A plugin in Go takes Pontoon's packages from a checkout of its source, which --pontoon
names, because no version is published yet: the plugin's go.mod gets a replace line with
the folder's path. A plugin in Python gets a copy of its runtime, and needs the packages
grpcio and protobuf of the machine. One in Node gets a copy too, and needs no package.`,
		Example: `  host plugin new statemachine ledger --lang python
  host plugin new statemachine ledger --lang node
  host plugin new statemachine ledger --lang go --pontoon ~/src/pontoon ~/src/ledger
  host plugin new storage tape --lang python`,
		Args: args(cobra.RangeArgs(2, 3)),
	}
	out := addOutput(cmd)
	var p scaffold.Plan
	cmd.Flags().StringVar(&p.Lang, "lang", "", "`language` of the plugin: go, python or node")
	cmd.Flags().StringVar(&p.Pontoon, "pontoon", "", "`folder` of a checkout of Pontoon's source; needed for Go, as no version is published yet")
	_ = cmd.RegisterFlagCompletionFunc("lang", cobra.FixedCompletions(scaffold.Languages(""), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, given []string) (err error) {
		p.Kind, p.Name, p.Dir = given[0], given[1], given[len(given)-1]
		p.Cluster = randomCluster()
		if p.Host, err = os.Executable(); err != nil {
			return err
		}
		runtime, err := runtimeFor(p.Kind, p.Lang)
		if err != nil {
			return err
		}
		files, err := p.Write(runtime)
		if errors.Is(err, scaffold.ErrRefused) {
			return &usageError{cmd.CommandPath(), err.Error()}
		}
		if err != nil {
			return err
		}
		made := struct {
			Dir   string   `json:"dir"`
			Files []string `json:"files"`
		}{p.Dir, files}
		return out.print(cmd, made, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s: %d files. README.md says how to go on: cd %s && make check\n", p.Dir, len(files), p.Dir)
			return err
		})
	}
	return cmd
}

// runtimeFor has the files of a language that are copied into the folder of a plugin of a kind.
func runtimeFor(kind, lang string) (map[string][]byte, error) {
	switch lang {
	case "python":
		return python.Files()
	case "node":
		return node.Files(kind)
	}
	return nil, nil
}

// randomCluster is an id for a cluster, which no other one is to have.
func randomCluster() string {
	id := make([]byte, 4)
	_, _ = rand.Read(id) // it never fails
	id[0] |= 0x80        // as many digits each time
	return hex.EncodeToString(id)
}
