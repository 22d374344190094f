package core

import (
	"path/filepath"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
	"github.com/pontoon-raft/pontoon/plugins"
)

// PluginConfig says which plugin to run and how: a backend of Config.Backends
// (Name), an executable of a third party (Command and SHA256), the version that is pinned
// in a catalog (Catalog and Name), or a plugin that was started elsewhere (Address).
type PluginConfig struct {
	// Name is that of a backend. With Command or Address it may be empty; otherwise the plugin
	// must describe itself by this name.
	Name string
	// Command is the path of an executable and its arguments. There is no search in
	// PATH: a relative path is one from the working directory.
	Command []string
	// SHA256 is the hex sum of the file Command[0]; required with Command.
	SHA256 string
	// Catalog is a directory that the commands host plugin add and pin have filled. Its
	// plugins.lock names the executable and its sum; it is read when the host is made, and
	// when an upgrade of the plugin is asked for.
	Catalog string
	// Address is where a plugin listens that was started elsewhere, in a debugger for
	// example: unix:// and an absolute path. Nothing checks which program that is.
	Address string
	// Isolation is "process", which is the default, or "inproc": a backend then runs
	// inside the host, without RPC, and a panic or a leak of it is the host's.
	Isolation string
	// Env are KEY=VALUE pairs added to the plugin's environment.
	Env []string
	// Record says where what the host and the plugin say to each other is recorded. Nothing is
	// if it has no path.
	Record RecordConfig
	// Config is the plugin's own section, which no host looks into.
	Config []byte
}

// RecordConfig is the record of a plugin, for "host plugin replay". It has the data of the
// application.
type RecordConfig struct {
	// Path is that of the file that is written; the older ones have its name and a number. A
	// relative path is one from the working directory.
	Path string
	// MaxFileBytes is how long a file grows, by default 64 MiB, and MaxFiles how many there
	// are at most, by default 4.
	MaxFileBytes int64
	MaxFiles     int
}

// options are what the catalog takes; nil if nothing is recorded.
func (r *RecordConfig) options() *pluginrecord.Options {
	if r.Path == "" {
		return nil
	}
	o := pluginrecord.Options{Path: r.Path, MaxFileBytes: r.MaxFileBytes, MaxFiles: r.MaxFiles}
	if path, err := filepath.Abs(r.Path); err == nil {
		o.Path = path
	}
	return &o
}

// TransportConfig is a transport plugin with its addresses.
type TransportConfig struct {
	PluginConfig
	// Listen is the address for the other members, Advertise the URLs under which
	// they reach it.
	Listen    string
	Advertise []string
}

// spec is the plugin as the catalog takes it.
func (p *PluginConfig) spec(kind plugins.Kind) catalog.Spec {
	return catalog.Spec{
		Kind: kind, Name: p.Name, Command: p.Command, SHA256: p.SHA256, Catalog: p.Catalog, Address: p.Address,
		Isolation: catalog.Isolation(p.Isolation), Env: p.Env, Record: p.Record.options(),
	}
}
