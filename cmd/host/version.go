package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/plugins"
)

// versionInfo says what this program is.
type versionInfo struct {
	Version        string          `json:"version"`
	Commit         string          `json:"commit"`
	Modified       bool            `json:"modified"`
	Go             string          `json:"go"`
	Platform       string          `json:"platform"`
	PluginProtocol int             `json:"plugin_protocol"`
	Plugins        []shippedPlugin `json:"plugins"`
}

type shippedPlugin struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

func readVersion() versionInfo {
	v := versionInfo{
		Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		PluginProtocol: plugins.ProtocolVersion,
	}
	for _, b := range backends() {
		v.Plugins = append(v.Plugins, shippedPlugin{string(b.Kind), b.Name})
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func newVersion() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show the version and the shipped plugins",
		Example: `  host version -o json`,
		Args:    args(cobra.NoArgs),
		GroupID: groupServer,
	}
	out := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		v := readVersion()
		return out.rows(cmd, v, func(w io.Writer) {
			row(w, "version", v.Version)
			row(w, "commit", orDash(v.Commit))
			row(w, "go", v.Go+" "+v.Platform)
			row(w, "plugin protocol", v.PluginProtocol)
			for _, p := range v.Plugins {
				row(w, p.Kind, p.Name)
			}
		})
	}
	return cmd
}

// versionText is the version in one line, for logs.
func versionText() string {
	v := readVersion()
	return fmt.Sprintf("%s (%s, %s)", v.Version, v.Go, v.Platform)
}
