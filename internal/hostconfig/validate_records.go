package hostconfig

import (
	"path/filepath"

	"github.com/pontoon-raft/pontoon/internal/bytesize"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
)

// checkRecords checks where plugins are recorded.
func (c *Config) checkRecords(ps *problems) {
	paths := map[string]string{}
	for _, p := range allPlugins(c) {
		r, key := &p.plugin.Record, p.key+".record"
		if n := r.MaxFileBytes; n < pluginrecord.MinFileBytes || n > pluginrecord.MaxFileBytes {
			ps.about(key+".max_file_bytes", "is %d; it must be from %s to %s", n, bytesize.Format(pluginrecord.MinFileBytes), bytesize.Format(pluginrecord.MaxFileBytes))
		}
		if n := r.MaxFiles; n < pluginrecord.MinFiles || n > pluginrecord.MaxFiles {
			ps.about(key+".max_files", "is %d; it must be from %d to %d", n, pluginrecord.MinFiles, pluginrecord.MaxFiles)
		}
		if r.Path == "" {
			continue
		}
		if p.plugin.Isolation == string(catalog.Inproc) {
			ps.about(key+".path", "stands beside isolation: inproc; a plugin inside the host has no connection that could be recorded")
		}
		path, err := filepath.Abs(r.Path)
		if err != nil {
			ps.about(key+".path", "%v", err)
			continue
		}
		if other, taken := paths[path]; taken {
			ps.about(key+".path", "is that of %s already; each record needs a file of its own", other)
		}
		paths[path] = key
	}
}
