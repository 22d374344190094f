package hostconfig

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
)

// minimal is the least that a file must say.
const minimal = `node: {id: 2}
cluster:
  id: c1
  members:
    - {id: 2, name: n2, peer_urls: ["http://127.0.0.1:7502"], client_address: "127.0.0.1:7402"}
    - {id: 1, name: n1, peer_urls: ["http://127.0.0.1:7501"], client_address: "127.0.0.1:7401"}
`

// write puts a file called n1.yaml into a directory of its own and makes that
// the working directory.
func write(t *testing.T, text string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("n1.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "n1.yaml"
}

func TestEveryShippedConfigLoads(t *testing.T) {
	var seen int
	root := filepath.Join("..", "..", "configs")
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		seen++
		c, o, err := Load(path, nil, nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		name := strings.TrimSuffix(e.Name(), ".yaml")
		if c.Host.Name != name || c.Host.DataDir != "./data/"+name {
			t.Errorf("%s: name %q, data in %q", path, c.Host.Name, c.Host.DataDir)
		}
		self, _ := c.Self()
		scheme, peer, _ := strings.Cut(self.PeerURLs[0], "://")
		if c.Host.ClientAddress != self.ClientAddress || c.Host.Transports[0].Listen != peer || strings.TrimSuffix(scheme, "s") != c.Host.Transports[0].Name {
			t.Errorf("%s: listens on %s and %s, but the members say %v", path, c.Host.ClientAddress, c.Host.Transports[0].Listen, self)
		}
		if got := o.Of("raft.tick").Source; got != SourceFile {
			t.Errorf("%s: raft.tick comes from %s", path, got)
		}
		return nil
	})
	if err != nil || seen < 7 {
		t.Fatalf("%d configs: %v", seen, err)
	}
}

// Settings that the files show commented out are the defaults, so uncommenting
// changes nothing.
func TestCommentsInShippedConfigsShowTheDefaults(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "configs", "single.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if i := strings.Index(line, "# "); i == 2 && strings.Contains(line, "_") && strings.Count(line, ": ") == 1 {
			line = line[:2] + line[4:]
		}
		lines = append(lines, line)
	}
	_, plain, err := Load(filepath.Join("..", "..", "configs", "single.yaml"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, o, err := Load(write(t, strings.Join(lines, "")), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"raft.snapshot_entries", "raft.catch_up_entries", "api.max_value_bytes", "node.data_dir"} {
		if o.Of(key).Source != SourceFile {
			t.Errorf("%s was not uncommented", key)
		}
	}
	for i, e := range o.Entries() {
		if d := plain.Entries()[i]; e.Key != d.Key || e.Value != d.Value {
			t.Errorf("uncommented %s is %q, by default %s is %q", e.Key, e.Value, d.Key, d.Value)
		}
	}
}

func TestMinimalFileIsCompletedWithDefaults(t *testing.T) {
	c, _, err := Load(write(t, minimal), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		what      string
		got, want any
	}{
		{"members in order", []string{c.Host.Members[0].Name, c.Host.Members[1].Name}, []string{"n1", "n2"}},
		{"name", c.Host.Name, "n2"},
		{"data_dir", c.Host.DataDir, "./data/n2"},
		{"state", c.Host.Bootstrap, true},
		{"tick", c.Host.Tick, 100 * time.Millisecond},
		{"election", c.Host.Election, time.Second},
		{"max_clock_difference", c.Host.MaxClockDifference, 10 * time.Second},
		{"catch_up_entries", c.Host.CatchUpEntries, uint64(5000)},
		{"catch_up_bytes", c.Host.CatchUpBytes, uint64(1 << 30)},
		{"max_inflight_appends", c.Host.MaxInflightAppends, 2},
		{"max_value_bytes", c.Host.MaxValueBytes, 3 << 19},
		{"api.listen", c.Host.ClientAddress, "127.0.0.1:7402"},
		{"api.access.anonymous", c.Host.Access.Anonymous, "administer"},
		{"admin.listen", c.Host.AdminAddress, ""},
		{"transport", c.Host.Transports[0].Name, "http"},
		{"transport.listen", c.Host.Transports[0].Listen, "127.0.0.1:7502"},
		{"transport.advertise", c.Host.Transports[0].Advertise, []string{"http://127.0.0.1:7502"}},
		{"storage", c.Host.Storage.Name, "wal"},
		{"statemachine", c.Host.StateMachine.Name, "kv"},
		{"isolation", c.Host.Storage.Isolation, "process"},
	} {
		if !equal(x.got, x.want) {
			t.Errorf("%s is %v, want %v", x.what, x.got, x.want)
		}
	}
}

func equal(a, b any) bool {
	if x, ok := a.([]string); ok {
		return slices.Equal(x, b.([]string))
	}
	return a == b
}

func TestDefaultsOfTheTableRead(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range settings(newConfig()) {
		if s.key != strings.ToLower(s.key) || seen[variable(s.key)] {
			t.Errorf("%s: keys are lower case and their variables distinct", s.key)
		}
		seen[variable(s.key)] = true
		def := s.value.String()
		if def == "" {
			continue
		}
		if err := s.value.Set(def); err != nil || s.value.String() != def {
			t.Errorf("%s: default %q reads as %q: %v", s.key, def, s.value, err)
		}
	}
}

// core names a number that is out of bounds by the key that it has in a file.
func TestBoundsAreOfSettings(t *testing.T) {
	keys := map[string]bool{}
	for _, c := range []core.Config{{MaxConnections: 1}, {Tick: time.Second, MaxValueBytes: 1}} {
		for _, e := range c.OutOfBounds() {
			keys[e.Key] = true
		}
	}
	all := settings(newConfig())
	for key := range keys {
		if !slices.ContainsFunc(all, func(s setting) bool { return s.key == key }) {
			t.Errorf("%s is the key of no setting", key)
		}
	}
	if len(keys) < 15 {
		t.Errorf("%d keys have bounds: %v", len(keys), keys)
	}
}

// A zero that stands for a default is shown as the number that the host uses.
func TestAZeroIsShownAsTheDefault(t *testing.T) {
	c, o, err := Load(write(t, minimal), map[string]string{"raft.catch_up_entries": "0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(o.Entries(), func(e Entry) bool { return e.Key == "raft.catch_up_entries" })
	if e := o.Entries()[i]; e.Value != "5000" || c.Host.WithDefaults().CatchUpEntries != 5000 {
		t.Errorf("shown as %s, used as %d", e.Value, c.Host.WithDefaults().CatchUpEntries)
	}
}

func TestFlags(t *testing.T) {
	for _, x := range []struct{ key, text, want string }{
		{"raft.tik", "1s", `--set raft.tik: no such setting (did you mean "raft.tick"?)`},
		{"cluster.members", "n1", "--set cluster.members: cannot be set by a flag; set it in the file"},
		{"plugins.storage", "wal", "--set plugins.storage: cannot be set by a flag"},
		{"node.data_dir", "", "--data-dir: node.data_dir: is empty"},
		{"raft.tick", "", `--set raft.tick: raft.tick: "" is not a duration`},
	} {
		_, _, err := Load(write(t, minimal), map[string]string{x.key: x.text}, nil)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s=%s: got %v, want %q", x.key, x.text, err, x.want)
		}
	}
}

func TestMissingFileIsNotInvalid(t *testing.T) {
	_, _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil, nil)
	if !errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v", err)
	}
}
