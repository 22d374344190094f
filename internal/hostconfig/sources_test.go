package hostconfig

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The law of the package: flag > environment > file > default, for every
// scalar setting.
func TestOrderOfSources(t *testing.T) {
	samples := map[string][3]string{ // file, environment, flag
		"node.name":                                  {"n2", "n2", "n2"},
		"node.id":                                    {"2", "2", "2"},
		"node.data_dir":                              {"/f", "/e", "/g"},
		"node.runtime_dir":                           {"/f", "/e", "/g"},
		"cluster.id":                                 {"f1", "e1", "a1"},
		"cluster.state":                              {"existing", "new", "existing"},
		"cluster.peer_urls":                          {"n1=http://h:1,n2=http://f:1", "n1=http://h:1,n2=http://e:1", "n1=http://h:1,n2=http://g:1,n2=http://g:2"},
		"raft.tick":                                  {"50ms", "100ms", "200ms"},
		"raft.election":                              {"2s", "3s", "4s"},
		"raft.max_clock_difference":                  {"2s", "3s", "4s"},
		"raft.snapshot_entries":                      {"10", "20", "30"},
		"raft.snapshot_log_bytes":                    {"2MiB", "3MiB", "4MiB"},
		"raft.catch_up_entries":                      {"1", "2", "3"},
		"raft.catch_up_bytes":                        {"2MiB", "3MiB", "4MiB"},
		"raft.check_snapshots":                       {"restore", "sum", "restore"},
		"raft.max_inflight_appends":                  {"3", "4", "5"},
		"api.listen":                                 {"127.0.0.1:1", "[::1]:2", "localhost:3"},
		"api.max_value_bytes":                        {"2KiB", "3KiB", "4KiB"},
		"api.max_pending_proposals":                  {"5", "6", "7"},
		"api.max_pending_bytes":                      {"2MiB", "3MiB", "4MiB"},
		"api.max_connections":                        {"20", "30", "40"},
		"api.max_streams":                            {"20", "30", "40"},
		"api.max_calls":                              {"20", "30", "40"},
		"api.host_names":                             {"a.example.org", ".b.example.org", "c.example.org,d"},
		"api.access.anonymous":                       {"read", "write", "none"},
		"api.access.tokens_file":                     {"/f", "/e", "/g"},
		"api.access.insecure_tokens":                 {"true", "false", "true"},
		"admin.listen":                               {"127.0.0.1:4", "[::1]:5", "localhost:6"},
		"api.tls.cert":                               {"/f", "/e", "/g"},
		"api.tls.key":                                {"/f", "/e", "/g"},
		"api.tls.client_ca":                          {"/f", "/e", "/g"},
		"api.tls.client_auth":                        {"optional", "required", "optional"},
		"api.insecure":                               {"true", "false", "true"},
		"admin.tls.cert":                             {"/f", "/e", "/g"},
		"admin.tls.key":                              {"/f", "/e", "/g"},
		"admin.tls.client_ca":                        {"/f", "/e", "/g"},
		"admin.tls.client_auth":                      {"optional", "required", "optional"},
		"admin.insecure":                             {"true", "false", "true"},
		"log.level":                                  {"debug", "warn", "error"},
		"log.format":                                 {"text", "json", "text"},
		"audit.level":                                {"off", "writes", "all"},
		"audit.dir":                                  {"/f", "/e", "/g"},
		"audit.max_file_bytes":                       {"65KiB", "66KiB", "67KiB"},
		"audit.max_files":                            {"5", "6", "7"},
		"audit.sync":                                 {"each", "none", "each"},
		"audit.on_full":                              {"refuse", "drop", "refuse"},
		"audit.key_file":                             {"/f", "/e", "/g"},
		"limits.max_batch_bytes":                     {"65KiB", "66KiB", "67KiB"},
		"limits.max_chunk_bytes":                     {"5KiB", "6KiB", "7KiB"},
		"plugins.transport.listen":                   {":7", ":8", ":9"},
		"plugins.transport.advertise":                {"http://f:1", "http://e:1", "http://g:1,http://g:2"},
		"plugins.transport.name":                     {"f", "e", "g"},
		"plugins.storage.name":                       {"f", "e", "g"},
		"plugins.statemachine.name":                  {"f", "e", "g"},
		"plugins.catalog":                            {"/f", "/e", "/g"},
		"plugins.transport.from":                     {"section", "section", "section"},
		"plugins.storage.from":                       {"section", "section", "section"},
		"plugins.statemachine.from":                  {"section", "section", "section"},
		"plugins.transport.isolation":                {"inproc", "process", "inproc"},
		"plugins.transport.address":                  {"unix:///f", "unix:///e", "unix:///g"},
		"plugins.storage.address":                    {"unix:///f", "unix:///e", "unix:///g"},
		"plugins.statemachine.address":               {"unix:///f", "unix:///e", "unix:///g"},
		"plugins.storage.isolation":                  {"inproc", "process", "inproc"},
		"plugins.statemachine.isolation":             {"inproc", "process", "inproc"},
		"plugins.transport.record.path":              {"/ftransport", "/etransport", "/gtransport"},
		"plugins.transport.record.max_file_bytes":    {"2MiB", "3MiB", "4MiB"},
		"plugins.transport.record.max_files":         {"5", "6", "7"},
		"plugins.storage.record.path":                {"/fstorage", "/estorage", "/gstorage"},
		"plugins.storage.record.max_file_bytes":      {"2MiB", "3MiB", "4MiB"},
		"plugins.storage.record.max_files":           {"5", "6", "7"},
		"plugins.statemachine.record.path":           {"/fstatemachine", "/estatemachine", "/gstatemachine"},
		"plugins.statemachine.record.max_file_bytes": {"2MiB", "3MiB", "4MiB"},
		"plugins.statemachine.record.max_files":      {"5", "6", "7"},
	}
	for _, s := range settings(newConfig()) {
		sample, ok := samples[s.key]
		if !ok {
			if strings.HasSuffix(s.key, ".sha256") {
				continue // needs a command; see TestExternalPlugin
			}
			t.Errorf("no sample of %s", s.key)
			continue
		}
		t.Run(s.key, func(t *testing.T) {
			path := write(t, withSetting(s.key, sample[0]))
			env := []string{variable(s.key) + "=" + sample[1]}
			flags := map[string]string{s.key: sample[2]}
			expect(t, path, nil, nil, s.key, sample[0], Origin{SourceFile, "n1.yaml:" + lineOfKey(t, path, s.key)})
			expect(t, path, nil, env, s.key, sample[1], Origin{SourceEnvironment, variable(s.key)})
			expect(t, path, flags, env, s.key, sample[2], Origin{SourceFlag, flagName(s.key)})
		})
	}
}

// withSetting is the minimal file with one more setting.
func withSetting(key, text string) string {
	if parent(key) == "node" && key != "node.id" {
		return strings.Replace(minimal, "node: {id: 2}", "node:\n  id: 2\n  "+key[5:]+": "+text, 1)
	}
	switch key {
	case "node.id":
		return strings.Replace(minimal, "node: {id: 2}", "node:\n  id: "+text, 1)
	case "cluster.id":
		return strings.Replace(minimal, "id: c1", "id: "+text, 1)
	case "cluster.peer_urls":
		return strings.Replace(withoutURLs(), "id: c1", "id: c1\n  peer_urls: "+text, 1)
	case "cluster.state":
		return strings.Replace(minimal, "id: c1", "id: c1\n  state: "+text, 1)
	}
	var b strings.Builder
	b.WriteString(minimal)
	names := strings.Split(key, ".")
	for i, name := range names {
		b.WriteString(strings.Repeat("  ", i) + name + ":")
		if i < len(names)-1 {
			b.WriteString("\n")
		}
	}
	b.WriteString(" " + `"` + text + `"` + "\n")
	if strings.HasSuffix(parent(key), ".tls") { // whose keys belong together
		for _, name := range []string{"cert", "key", "client_ca"} {
			if name != names[2] {
				b.WriteString("    " + name + ": x\n")
			}
		}
	}
	return b.String()
}

func lineOfKey(t *testing.T, path, key string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := parseDocument(path, data)
	if err != nil {
		t.Fatal(err)
	}
	d.read(newSchema(newConfig()))
	return strings.TrimPrefix(d.place(d.lines[key]), path+":")
}

func expect(t *testing.T, path string, flags map[string]string, env []string, key, text string, from Origin) {
	t.Helper()
	_, o, err := Load(path, flags, env)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range o.Entries() {
		if e.Key == key {
			if e.Value != text || e.Origin != from {
				t.Errorf("%s is %q from %v, want %q from %v", key, e.Value, e.Origin, text, from)
			}
			return
		}
	}
	t.Errorf("%s is not listed", key)
}

func TestEnvironment(t *testing.T) {
	for _, x := range []struct{ name, variable, want string }{
		{"a map cannot be replaced", "PONTOON_PLUGINS=oops", "PONTOON_PLUGINS: plugins is a section"},
		{"nor a plugin's section", "PONTOON_PLUGINS_STORAGE_CONFIG=oops", "plugins.storage.config cannot be set from the environment"},
		{"nor a key in it", "PONTOON_PLUGINS_STORAGE_CONFIG_FSYNC=x", "plugins.storage.config cannot be set from the environment"},
		{"nor the members", "PONTOON_CLUSTER_MEMBERS=n1", "cluster.members cannot be set from the environment"},
		{"a misspelt setting", "PONTOON_RAFT_TIK=1s", `PONTOON_RAFT_TIK: no such setting in raft (did you mean "PONTOON_RAFT_TICK"?)`},
		{"a wrong value", "PONTOON_RAFT_TICK=soon", `PONTOON_RAFT_TICK: raft.tick: "soon" is not a duration`},
		{"a value that does not fit", "PONTOON_RAFT_ELECTION=51s", "PONTOON_RAFT_ELECTION: raft.election: is 51s; it must be at most 50s"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, _, err := Load(write(t, minimal), nil, []string{x.variable})
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v, want %q", err, x.want)
			}
		})
	}
	t.Run("what others put there is ignored and said", func(t *testing.T) {
		env := []string{
			"PONTOON_SERVICE_HOST=10.0.0.1", "PONTOON_PORT_7401_TCP=x", "PONTOON_ENDPOINTS=a:1",
			"PONTOON_RAFT_TICK=", "HOME=/", "PONTOON",
		}
		c, o, err := Load(write(t, minimal), nil, env)
		if err != nil || c.Host.Tick != 100*time.Millisecond {
			t.Fatalf("tick %v: %v", c.Host.Tick, err)
		}
		if want := []string{"PONTOON_PORT_7401_TCP", "PONTOON_SERVICE_HOST"}; !slices.Equal(o.Ignored(), want) {
			t.Errorf("ignored %v, want %v", o.Ignored(), want)
		}
	})
}

// Kubernetes makes variables of the names of services, whatever these are. A
// variable of another form is a mistake as before.
func TestVariablesOfServicesAreIgnored(t *testing.T) {
	env := []string{
		"PONTOON_ADMIN_PORT_7601_TCP_ADDR=10.0.0.1", "PONTOON_API_PORT=tcp://10.0.0.1:7401", "PONTOON_API_PORT_7401_TCP=tcp://10.0.0.1:7401",
		"PONTOON_API_PORT_7401_TCP_PROTO=tcp", "PONTOON_API_SERVICE_HOST=10.0.0.1", "PONTOON_API_SERVICE_PORT=7401",
		"PONTOON_API_SERVICE_PORT_GRPC=7401", "PONTOON_CLUSTER_MEMBERS_SERVICE_HOST=10.0.0.1", "PONTOON_PORT=tcp://10.0.0.1:7401",
	}
	c, o, err := Load(write(t, minimal), nil, env)
	if err != nil || c.Host.Tick != 100*time.Millisecond {
		t.Fatal(err)
	}
	var names []string
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		names = append(names, name)
	}
	if !slices.Equal(o.Ignored(), names) {
		t.Errorf("ignored %v, want %v", o.Ignored(), names)
	}
	for _, v := range []string{"PONTOON_API_PORT=7401", "PONTOON_API_SERVICE=x", "PONTOON_API_PORT_LISTEN=:1", "PONTOON_RAFT_HOST=x"} {
		if _, _, err := Load(write(t, minimal), nil, []string{v}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", v, err)
		}
	}
}
