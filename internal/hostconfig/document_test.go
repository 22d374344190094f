package hostconfig

import (
	"errors"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Each bad file has one clear error with the line and what to do.
func TestBadFiles(t *testing.T) {
	member := func(id, name, peer, client string) string {
		return "    - {id: " + id + ", name: " + name + `, peer_urls: ["` + peer + `"], client_address: "` + client + "\"}\n"
	}
	cluster := func(members string) string {
		return "node: {id: 1}\ncluster:\n  id: c1\n  members:\n" + members
	}
	good := member("1", "n1", "http://127.0.0.1:7501", "127.0.0.1:7401")
	for _, x := range []struct{ name, text, want string }{
		{"empty", "", "n1.yaml:1: the file holds no configuration"},
		{"only comments", "# nothing\n", "n1.yaml:1: the file holds no configuration"},
		{"not YAML", "node:\n  id: 1\n :x\n", "n1.yaml:2: not YAML: "},
		{"a tab", "node:\n\tid: 1\n", "not YAML: found character that cannot start any token"},
		{"two documents", minimal + "---\nnode: {}\n", "n1.yaml:7: not YAML: a second YAML document"},
		{"a list", "- node\n", "n1.yaml:1: the file is a list; it must be a section of keys"},

		{"an unknown section", minimal + "rafft: {}\n", `n1.yaml:7: unknown key "rafft" in the file (did you mean "raft"?)`},
		{"an unknown key", minimal + "raft:\n  tik: 1s\n", `n1.yaml:8: unknown key "tik" in raft (did you mean "tick"?)`},
		{"a key of another section", minimal + "node2: 1\nlog:\n  tick: 1s\n", `n1.yaml:9: unknown key "tick" in log (did you mean "raft.tick"?)`},
		{
			"a plugin's key in the wrong place", minimal + "plugins:\n  storage:\n    fsync_mz: 1\n",
			`n1.yaml:9: unknown key "fsync_mz" in plugins.storage; the plugin's own keys belong below "config"`,
		},
		{"a misspelt plugin key", minimal + "plugins:\n  storage:\n    isolatoin: inproc\n", `n1.yaml:9: unknown key "isolatoin" in plugins.storage (did you mean "isolation"?)`},
		{"nothing like it", minimal + "log:\n  zzzzzz: 1\n", `unknown key "zzzzzz" in log; known are format, level`},
		{"a dotted key", minimal + "raft.tick: 1s\n", `n1.yaml:7: unknown key "raft.tick" in the file; write sections as nested keys`},
		{"upper case", minimal + "Raft: {}\n", `unknown key "Raft" in the file (did you mean "raft"?)`},
		{"a repeated key", minimal + "raft:\n  tick: 1s\n  tick: 2s\n", `n1.yaml:9: key "tick" is repeated; it is on line 8 already`},
		{"a repeated key by case", minimal + "raft:\n  tick: 1s\n  Tick: 2s\n", `n1.yaml:9: key "Tick" differs only by case from the one on line 8`},
		{"a repeated key of a plugin", minimal + "plugins:\n  storage:\n    config:\n      a: 1\n      a: 2\n", `n1.yaml:11: key "a" is repeated`},
		{"an alias", minimal + "log: {level: &l info, format: *l}\n", "n1.yaml:7: anchor &l is not supported"},
		{"a merge", minimal + "raft: &a {tick: 1s}\n", "anchor &a is not supported"},

		{"a section that is a value", minimal + "raft: 5\n", `n1.yaml:7: raft is the value "5"; it must be a section of keys`},
		{"a value that is a list", minimal + "raft:\n  tick: [1s]\n", "n1.yaml:8: raft.tick is a list; it must be one value"},
		{"no value", minimal + "raft:\n  tick:\n", "n1.yaml:8: raft.tick has no value; give it one or delete the line"},
		{"not a duration", minimal + "raft:\n  tick: 100\n", `n1.yaml:8: raft.tick: "100" is not a duration; write a number with its unit, for example 100ms`},
		{"not a number", minimal + "raft:\n  catch_up_entries: 1.5\n", `"1.5" is not a whole number`},
		{"not a size", minimal + "api:\n  max_value_bytes: 1.5MB\n", `"1.5MB" is not a size`},
		{"not a choice", minimal + "log: {format: xml}\n", `log.format: "xml" is not possible; use auto or text or json`},
		{"not a level", minimal + "log: {level: loud}\n", `log.level: "loud" is not a level; use debug, info, warn or error`},

		{"no id", strings.Replace(minimal, "{id: 2}", "{}", 1), "n1.yaml:1: node.id: is missing"},
		{"id not hex", strings.Replace(minimal, "{id: 2}", "{id: n2}", 1), `n1.yaml:1: node.id: "n2" is not an id; write up to 16 hex digits`},
		{"id too large", strings.Replace(minimal, "{id: 2}", "{id: ffffffffffffffff}", 1), "node.id: ffffffffffffffff is reserved"},
		{"id of nobody", strings.Replace(minimal, "{id: 2}", "{id: 3}", 1), "n1.yaml:1: node.id: 3 is not among cluster.members"},
		{"another name", strings.Replace(minimal, "{id: 2}", "{id: 2, name: n7}", 1), `node.name: "n7" differs from the name "n2"`},
		{"a name with a slash", cluster(member("1", "../n1", "http://h:1", "h:2")), `n1.yaml:5: cluster.members[0].name: "../n1" is not a name`},
		{"no cluster id", strings.Replace(minimal, "id: c1", "state: new", 1), "n1.yaml:2: cluster.id: is missing"},

		{"no members", "node: {id: 1}\ncluster: {id: c1}\n", "n1.yaml:2: cluster.members: is empty"},
		{"an empty list", "node: {id: 1}\ncluster: {id: c1, members: []}\n", "n1.yaml:2: cluster.members: is empty"},
		{"members not a list", "node: {id: 1}\ncluster: {id: c1, members: {a: b}}\n", "cluster.members is a section; it must be a list"},
		{"a member not a section", cluster("    - n1\n"), `n1.yaml:5: cluster.members[0] is the value "n1"; it must have the keys`},
		{"an unknown key of a member", cluster("    - {id: 1, peer_url: x}\n"), `unknown key "peer_url" in cluster.members[0] (did you mean "peer_urls"?)`},
		{"two of one id", cluster(good + member("1", "n2", "http://h:1", "h:2")), "n1.yaml:6: cluster.members[1].id: id 1 is that of cluster.members[0] already"},
		{"two of one name", cluster(good + member("2", "n1", "http://h:1", "h:2")), "name n1 is that of cluster.members[0] already"},
		{"two of one URL", cluster(good + member("2", "n2", "http://127.0.0.1:7501", "h:2")), "peer URL http://127.0.0.1:7501 is that of cluster.members[0] already"},
		{"two of one address", cluster(good + member("2", "n2", "http://h:1", "127.0.0.1:7401")), "client_address 127.0.0.1:7401 is that of cluster.members[0] already"},
		{"URLs not a list", cluster("    - {id: 1, name: n1, peer_urls: http://h:1, client_address: h:2}\n"), "must be a list of URLs"},
		{"no URLs", cluster("    - {id: 1, name: n1, client_address: h:2}\n"), "n1.yaml:5: cluster.members[0].peer_urls: is missing"},
		{"a URL with a path", cluster(member("1", "n1", "http://h:1/raft", "h:2")), `"http://h:1/raft" must end after the port; write http://h:1`},
		{"a URL without a port", cluster(member("1", "n1", "http://h", "h:2")), `"http://h": "h" is not host:port`},
		{"a URL without a scheme", cluster(member("1", "n1", "h:1", "h:2")), `"h:1" has no scheme or no host`},
		{"a URL of everywhere", cluster(member("1", "n1", "http://0.0.0.0:1", "h:2")), "is the address of no host"},
		{"an address without a host", cluster(member("1", "n1", "http://h:1", ":7401")), `":7401" has no host`},
		{"an address without a port", cluster(member("1", "n1", "http://h:1", "h:0")), `"h:0" has no port from 1 to 65535`},

		{"a tick too short", minimal + "raft: {tick: 1ms}\n", "raft.tick: is 1ms; it must be at least 5ms"},
		{"an election too short", minimal + "raft: {election: 400ms}\n", "n1.yaml:7: raft.election: is 400ms; it must be at least 5 ticks of 100ms"},
		{"an election too long", minimal + "raft: {election: 51s}\n", "raft.election: is 51s; it must be at most 50s"},
		{"a broken tick", minimal + "raft: {election: 1050ms}\n", "it must be a whole number of ticks of 100ms"},
		{"no appends", minimal + "raft: {max_inflight_appends: 0}\n", "raft.max_inflight_appends: is 0; it must be from 1 to 64"},
		{"a value too large", minimal + "api: {max_value_bytes: 33MiB}\n", "api.max_value_bytes: is 33MiB; it must be from 1KiB to 32MiB"},
		{"too few connections", minimal + "api: {max_connections: 15}\n", "api.max_connections: is 15; it must be from 16 to 1048576, or 0 for the default"},
		{"a name with a port", minimal + "api: {host_names: [\"raft.example.org:7401\"]}\n", `api.host_names: "raft.example.org:7401" is not a name`},
		{"room for no value", minimal + "api: {max_pending_bytes: 1MiB}\n", "api.max_pending_bytes: is 1048576; it must be at least api.max_value_bytes"},
		{"listen nowhere", minimal + "api: {listen: here}\n", `api.listen: "here" is not host:port`},
		{"two on one address", minimal + "admin: {listen: 127.0.0.1:7402}\n", "n1.yaml:7: admin.listen: 127.0.0.1:7402 is taken by api.listen already"},

		{"a command without a digest", minimal + "plugins: {storage: {command: ./wal}}\n", "plugins.storage.sha256: is missing; a command needs the digest"},
		{"a digest without a command", minimal + "plugins: {storage: {sha256: aa}}\n", "plugins.storage.sha256: belongs to a command"},
		{"an address that is no socket", minimal + "plugins: {storage: {address: \"tcp://h:1\"}}\n", `plugins.storage.address: address "tcp://h:1" is not unix:// and an absolute path`},
		{"an address and a command", minimal + "plugins: {storage: {address: \"unix:///s\", command: ./wal}}\n", "plugins.storage.command: stands beside an address"},
		{"an address and a digest", minimal + "plugins: {storage: {address: \"unix:///s\", sha256: aa}}\n", "plugins.storage.sha256: stands beside an address; which program was started elsewhere cannot be checked"},
		{"an address and variables", minimal + "plugins: {storage: {address: \"unix:///s\", env: [A=b]}}\n", "plugins.storage.env: stands beside an address"},
		{"an address inside the host", minimal + "plugins: {storage: {address: \"unix:///s\", isolation: inproc}}\n", "plugins.storage.isolation: is inproc; a plugin that was started elsewhere"},
		{"a rehearsal elsewhere", minimal + "raft: {check_snapshots: restore}\nplugins: {statemachine: {address: \"unix:///s\"}}\n", "raft.check_snapshots: is restore, which needs a second process"},
		{"a digest too short", minimal + "plugins: {storage: {command: ./wal, sha256: aa}}\n", `plugins.storage.sha256: "aa" is not 64 hex digits`},
		{"a command by search path", minimal + "plugins: {storage: {command: wal}}\n", `"wal" is not a path`},
		{"a catalog of none", minimal + "plugins: {storage: {name: tape, from: catalog}}\n", "plugins.storage.from: is catalog, and no catalog is configured"},
		{"a catalog and a command", minimal + "plugins: {catalog: /c, storage: {name: tape, from: catalog, command: ./tape}}\n", "plugins.storage.command: stands beside from: catalog"},
		{"a catalog without a name", minimal + "plugins: {catalog: /c, storage: {from: catalog}}\n", "plugins.storage.name: is missing"},
		{"an inproc one of a catalog", minimal + "plugins: {catalog: /c, storage: {name: tape, from: catalog, isolation: inproc}}\n", "plugins.storage.isolation: is inproc"},
		{"an inproc command", minimal + "plugins: {storage: {command: ./wal, isolation: inproc}}\n", "a command always has a process of its own"},
		{"an env that is none", minimal + "plugins: {storage: {env: [A]}}\n", "plugins.storage.env: variable 1 is not KEY=VALUE"},
		{"an env twice", minimal + "plugins: {storage: {env: [A=1, A=2]}}\n", "plugins.storage.env: A is set twice"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, o, err := Load(write(t, x.text), nil, nil)
			if c != nil || o != nil || !errors.Is(err, ErrInvalid) {
				t.Fatalf("got %v, %v", c, err)
			}
			if !strings.Contains(err.Error(), x.want) {
				t.Errorf("got:\n%v\nwant %q", err, x.want)
			}
		})
	}
}

func TestAllProblemsAreReportedInOrder(t *testing.T) {
	_, _, err := Load(write(t, minimal+"raft:\n  tick: soon\n  tik: 1\nlog: {level: loud}\n"), nil, []string{"PONTOON_ADMIN=1"})
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	var places []string
	for _, p := range invalid.Problems {
		places = append(places, p.Place)
	}
	if got := strings.Join(places, " "); got != "PONTOON_ADMIN n1.yaml:8 n1.yaml:9 n1.yaml:10" {
		t.Errorf("places %s in\n%v", got, err)
	}
}

// A plugin's section reaches the plugin as it was written: case, dots,
// numbers that look like others, quoting, comments, order and lines.
func TestPluginConfigIsUntouched(t *testing.T) {
	section := "      # what follows is the plugin's\n" +
		"      MaxConns: 5\n" +
		"      maxconns: 6\n\n" +
		"      SQL.Mode: 'strict'\n" +
		"      version: 1.10\n" +
		"      mode: 0755\n" +
		"      yes: \"no\"\n" +
		"      text: |\n        one\n\n        two\n" +
		"      nested: {b: [1, 2], A: null}\n"
	text := minimal + "plugins:\n  storage:\n    config:\n" + section + "  statemachine:\n    name: kv\n"
	c, _, err := Load(write(t, text), nil, []string{"PONTOON_NODE_NAME=n2"})
	if err != nil {
		t.Fatal(err)
	}
	got := string(c.Host.Storage.Config)
	if want := section[strings.Index(section, "      MaxConns"):]; strings.TrimLeft(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if before, _, _ := strings.Cut(text, "      MaxConns"); strings.Count(got, "\n")-strings.Count(section, "\n")+1 != strings.Count(before, "\n") {
		t.Errorf("the first key is not on its line:\n%q", got)
	}
	var v struct {
		Version string `yaml:"version"`
	}
	if err := yaml.Unmarshal(c.Host.Storage.Config, &v); err != nil || v.Version != "1.10" {
		t.Errorf("version %q: %v", v.Version, err)
	}
	if len(c.Host.Transports[0].Config) != 0 {
		t.Errorf("transport has %q", c.Host.Transports[0].Config)
	}
}

// A section means the same to the plugin in every style, and a fault in it is
// found on the line of the host's file.
func TestPluginConfigKeepsItsLines(t *testing.T) {
	for _, x := range []struct {
		name, plugins string
		line          int
	}{
		{"block", "plugins:\n  storage:\n    config:\n      a: 1\n\n      # so\n      b: 2\n", 13},
		{"flow", "plugins:\n  storage:\n    config: {a: 1,\n      b: 2}\n", 10},
		{"flow in flow", "plugins: {storage: {config: {a: 1, b: 2}, name: wal}}\n", 7},
		{"flow to the end of the line", "plugins: {storage: {config: {a: 1, b: 2}}}\n", 7},
		{"tagged", "plugins:\n  storage:\n    config: !!map\n      a: 1\n      b: 2\n", 11},
		{"quoted keys, and a document's end", "plugins:\n  storage:\n    config:\n      'a': 1\n      \"b\": 2\n...\n", 11},
		{"windows line ends", "plugins:\r\n  storage:\r\n    config:\r\n      a: 1\r\n      b: 2\r\n", 11},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, _, err := load("n1.yaml", []byte(minimal+x.plugins), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			section, err := parse(c.Host.Storage.Config) // which finds what follows the document, too
			if err != nil {
				t.Fatalf("%v in %q", err, c.Host.Storage.Config)
			}
			b := section.Content[2]
			if len(section.Content) != 4 || b.Value != "b" || b.Line != x.line {
				t.Errorf("%s is on line %d, want b on %d, in %q", b.Value, b.Line, x.line, c.Host.Storage.Config)
			}
		})
	}
}

func TestExternalPlugin(t *testing.T) {
	digest := strings.Repeat("0a", 32)
	for _, x := range []struct{ name, command string }{
		{"a path", "./counter"},
		{"a path and arguments", `["./counter", "-v", "a,b"]`},
	} {
		t.Run(x.name, func(t *testing.T) {
			text := minimal + "plugins:\n  statemachine:\n    command: " + x.command + "\n    sha256: " + digest + "\n    env: [A=b=c, D=]\n"
			c, _, err := Load(write(t, text), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			p := c.Host.StateMachine
			if p.Name != "" || p.Command[0] != "./counter" || p.SHA256 != digest || len(p.Env) != 2 {
				t.Errorf("%+v", p)
			}
			if len(p.Command) > 1 && p.Command[2] != "a,b" {
				t.Errorf("arguments %q", p.Command)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(minimal)
	f.Add(minimal + "plugins: {storage: {command: [./a, b], sha256: aa, env: [A=b], config: {X: 1}}}\n")
	f.Add("a: &a [*a]\n")
	f.Add("? [a]\n: b\n")
	f.Add("node: {? {id: 1} : 2}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, o, err := load("n1.yaml", []byte(text), nil, nil)
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("a loaded configuration is invalid: %v", err)
		}
		for _, p := range allPlugins(c) {
			if _, err := parse(p.plugin.Config); err != nil {
				t.Errorf("%s.config is handed on as %q: %v", p.key, p.plugin.Config, err)
			}
		}
		for _, e := range o.Entries() {
			if e.Origin.Source == SourceFile && !strings.HasPrefix(e.Origin.Place, "n1.yaml:") {
				t.Errorf("%s comes from %v", e.Key, e.Origin)
			}
		}
	})
}
