package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/cmd/host/dev"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
)

// withoutSum is said before host dev starts anything.
const withoutSum = `WARNING: dev takes executables as they are, without a sha256 that was reviewed: a program that
replaces the file is run at once, by this user. Run it on your own machine, with data that may be lost.`

func newDev() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev --plugin KIND=COMMAND",
		Short: "Run a cluster on this machine with a plugin that you are writing",
		Long: `dev runs one member, or three, on loopback, with an executable of yours in the
place of a shipped plugin. No sha256 is needed: when the file changes, the members are
stopped and started with it, one after the other, and keep their data. One that does
not serve is named with its reason, and waits for the next change of the file.

The clients' addresses are those of configs/local3, so that host status and the other
commands need no --endpoints. Logs go to standard error. Ctrl-C stops everything.`,
		Example: `  host dev --plugin statemachine=./bin/ledger
  host dev --nodes 3 --plugin "storage=./tape --drive /tmp/t" --plugin-config storage=tape.yaml --data-dir data`,
		Args:    args(cobra.NoArgs),
		GroupID: groupPlugins,
	}
	var commands, configs []string
	s := dev.Settings{Scheme: "http", Backends: backends(), Version: versionText(), Serves: servesReads}
	cmd.Flags().IntVar(&s.Nodes, "nodes", 1, "size of the cluster: 1 or 3")
	cmd.Flags().StringArrayVar(&commands, "plugin", nil, "`KIND=COMMAND`: the executable of a kind, with arguments after blanks; may be repeated for other kinds")
	cmd.Flags().StringArrayVar(&configs, "plugin-config", nil, "`KIND=FILE`: YAML file with the config section of the plugin of that kind")
	cmd.Flags().IntVar(&s.ClientPort, "client-port", 7401, "first `port` for clients; those for members and administration are 100 and 200 above")
	cmd.Flags().StringVar(&s.Dir, "data-dir", "", "`directory` that keeps the data; without it a temporary one, which is removed at the end")
	cmd.Flags().StringVar(&s.Scheme, "scheme", s.Scheme, "`scheme` of the members' URLs for each other, of a transport of yours")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if s.Nodes != 1 && s.Nodes != 3 {
			return &usageError{cmd.CommandPath(), fmt.Sprintf("--nodes %d: use 1 or 3", s.Nodes)}
		}
		if s.Plugins, err = devPlugins(commands, configs); err != nil {
			return &usageError{cmd.CommandPath(), err.Error()}
		}
		if s.Dir == "" {
			if s.Dir, err = os.MkdirTemp("", "pontoon-dev-"); err != nil {
				return err
			}
			defer os.RemoveAll(s.Dir)
		}
		s.Command = cmd.Root().CommandPath()
		if s.Executable, err = os.Executable(); err != nil {
			return err
		}
		s.Out, s.Logger = cmd.OutOrStdout(), slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		fmt.Fprintln(cmd.ErrOrStderr(), withoutSum)
		return dev.Run(cmd.Context(), s)
	}
	return cmd
}

// devPlugins reads what --plugin and --plugin-config say.
func devPlugins(commands, configs []string) (all []dev.Plugin, err error) {
	for _, text := range commands {
		kind, command, _ := strings.Cut(text, "=")
		p := dev.Plugin{Kind: plugins.Kind(kind), Command: strings.Fields(command)}
		if !slices.Contains(plugins.Kinds(), p.Kind) || len(p.Command) == 0 {
			return nil, fmt.Errorf("--plugin %q: want KIND=COMMAND, and a kind of storage, statemachine and transport", text)
		}
		if slices.ContainsFunc(all, func(other dev.Plugin) bool { return other.Kind == p.Kind }) {
			return nil, fmt.Errorf("--plugin %q: there is one of this kind already", text)
		}
		if p.Command[0], err = filepath.Abs(p.Command[0]); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("say which plugin is yours: --plugin KIND=COMMAND")
	}
	for _, text := range configs {
		kind, path, _ := strings.Cut(text, "=")
		i := slices.IndexFunc(all, func(p dev.Plugin) bool { return p.Kind == plugins.Kind(kind) })
		if i < 0 {
			return nil, fmt.Errorf("--plugin-config %q: no --plugin is of this kind", text)
		}
		if all[i].Config, err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// servesReads asks one member for a linearizable read until it answers.
func servesReads(ctx context.Context, address string) error {
	c, err := client.New(client.Options{Endpoints: []string{address}, AnyMember: true, RequestTimeout: 2 * time.Second})
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		if _, err = c.ReadBarrier(ctx); err == nil {
			return nil
		}
		if !pause.For(ctx, 50*time.Millisecond) {
			return err
		}
	}
}
