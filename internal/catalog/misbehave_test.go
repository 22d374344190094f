//go:build linux

package catalog_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/ownership"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A bad plugin has a misdeed, and the text that its one error must have.
type badPlugin struct {
	mode      string
	says      []string
	transient bool
	timeout   time.Duration
}

func badPlugins() map[string]badPlugin {
	return map[string]badPlugin{
		"exits at once":                 {mode: "exits", says: []string{"exited with code 3 before it was ready", "last lines on stderr", "no configuration found"}},
		"ends without a word":           {mode: "prints-and-ends=", says: []string{"exited with code 0 before it was ready"}},
		"garbage":                       {mode: "prints=Listening on port 80...", says: []string{`wrote "Listening on port 80...\n" to standard output instead of a handshake`}},
		"garbage without an end":        {mode: "prints-and-ends=oops", says: []string{`wrote "oops" to standard output`}},
		"endless garbage":               {mode: "prints=" + strings.Repeat("z", 100_000), says: []string{`wrote "zzz`, "instead of a handshake"}},
		"another go-plugin":             {mode: "prints=2|1|unix|/s|grpc|", says: []string{"core protocol", "this host speaks 1"}},
		"wrong protocol version":        {mode: "prints=1|7|unix|/s|grpc|", says: []string{"speaks plugin protocol version 7, this host speaks version 1"}},
		"protocol version not a number": {mode: "prints=1|x|unix|/s|grpc|", says: []string{`protocol version "x"`}},
		"tcp":                           {mode: "prints=1|1|tcp|127.0.0.1:99|grpc|", says: []string{`listens on "tcp" "127.0.0.1:99": only unix sockets`}},
		"net/rpc":                       {mode: "prints=1|1|unix|/s|netrpc|", says: []string{`speaks "netrpc"`}},
		"a certificate unasked":         {mode: "prints=1|1|unix|/s|grpc|" + strings.Repeat("A", 60), says: []string{"TLS certificate"}},
		"a socket elsewhere":            {mode: "listens-outside", says: []string{`listens on "/tmp/elsewhere"`, "PLUGIN_UNIX_SOCKET_DIR"}},
		"closes standard output":        {mode: "closes-stdout", says: []string{"closed its standard output without a handshake"}},
		"of another kind":               {mode: "describes-as=storage/wal", says: []string{`is a storage plugin ("wal") but is configured as statemachine`}},
		"of another name":               {mode: "describes-as=statemachine/kv", says: []string{`calls itself "kv" but is configured as "echo"`}},
		"of another host":               {mode: "requires=of tomorrow", says: []string{`requires a host that knows the capability "of tomorrow", and this one does not: use a newer host`}},
		"of an impossible name":         {mode: "describes-as=statemachine/a b", says: []string{"name"}},
		"ends after its handshake":      {mode: "ends-after-handshake", says: []string{"exited with code 4 before it was ready", "regrets"}},
		"says nothing":                  {mode: "silent", says: []string{"wrote no handshake within the start timeout of 300ms"}, transient: true, timeout: 300 * time.Millisecond},
		"never accepts a connection":    {mode: "never-accepts", says: []string{"did not answer within the start timeout of 3s"}, transient: true, timeout: 3 * time.Second}, // it has to come as far
	}
}

// Rules P-2, P-3, P-5 and P-11.
func TestABadPluginIsRefusedWithOneClearError(t *testing.T) {
	for name, bad := range badPlugins() {
		t.Run(name, func(t *testing.T) {
			c := newCatalog(t, nil)
			spec := fakePlugin(t, bad.mode)
			spec.Name = "echo"
			if bad.timeout > 0 {
				spec.StartTimeout = bad.timeout
			}
			slot := mustSlot(t, c, spec)
			_, err := slot.Start(t.Context())
			checkStartError(t, err, spec.Command[0], bad)
			want := catalog.Failed
			if bad.transient {
				want = catalog.Waiting
			}
			if got := slot.Status(); got.State != want || got.PID != 0 || got.LastError != err.Error() {
				t.Errorf("status: %+v", got)
			}
		})
	}
}

func checkStartError(t *testing.T, err error, path string, bad badPlugin) {
	t.Helper()
	var start *catalog.StartError
	if !errors.As(err, &start) {
		t.Fatalf("error is %v", err)
	}
	if got := errors.Is(err, catalog.ErrPermanent); got == bad.transient {
		t.Errorf("permanent is %v: %v", got, err)
	}
	if !strings.HasPrefix(err.Error(), "statemachine plugin "+path+": ") {
		t.Errorf("error does not begin with the plugin and its path: %v", err)
	}
	for _, words := range bad.says {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("error does not say %q: %v", words, err)
		}
	}
	if len(err.Error()) > 6<<10 {
		t.Errorf("error has %d bytes", len(err.Error()))
	}
}

func writeFile(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatIsWrongWithASpecIsFoundAtTheStart(t *testing.T) {
	external := func(path string) catalog.Spec {
		return catalog.Spec{Kind: plugins.Storage, Command: []string{path}, SHA256: strings.Repeat("0", 64)}
	}
	script := writeFile(t, "plugin", "#!/bin/sh\n", 0o755)
	for name, tc := range map[string]struct {
		spec catalog.Spec
		says []string
	}{
		"unknown backend":      {catalog.Spec{Kind: plugins.Storage, Name: "wall"}, []string{"storage plugin wall", "no such backend in this host; it has wal"}},
		"unknown kind":         {catalog.Spec{Kind: "disk", Name: "wal"}, []string{`kind "disk" is unknown`}},
		"nothing":              {catalog.Spec{Kind: plugins.Storage}, []string{"neither a name nor a command"}},
		"isolation":            {catalog.Spec{Kind: plugins.Storage, Name: "wal", Isolation: "docker"}, []string{`isolation "docker" is unknown`}},
		"external inproc":      {catalog.Spec{Kind: plugins.Storage, Command: []string{script}, Isolation: catalog.Inproc}, []string{"cannot"}},
		"sha256 of a shipped":  {catalog.Spec{Kind: plugins.Storage, Name: "wal", SHA256: "00"}, []string{"part of the host's executable"}},
		"no sha256":            {catalog.Spec{Kind: plugins.Storage, Command: []string{script}}, []string{script, "no sha256 is configured"}},
		"malformed sha256":     {catalog.Spec{Kind: plugins.Storage, Command: []string{script}, SHA256: "abc"}, []string{script, `sha256 "abc" is not 64 hex digits`}},
		"wrong sha256":         {external(script), []string{script, "its sha256 is " + sumOf(t, script), "but 000000"}},
		"missing file":         {external("/nonexistent/plugin"), []string{"/nonexistent/plugin", "no such file"}},
		"directory":            {external("/tmp"), []string{"/tmp", "is a directory"}},
		"device":               {external("/dev/null"), []string{"/dev/null", "not a regular file"}},
		"not executable":       {external(writeFile(t, "plugin", "x", 0o644)), []string{"is not executable (mode 0644)"}},
		"env without a value":  {catalog.Spec{Kind: plugins.Storage, Name: "wal", Env: []string{"A"}}, []string{`env entry "A" is not of the form KEY=VALUE`}},
		"env of the protocol":  {catalog.Spec{Kind: plugins.Storage, Name: "wal", Env: []string{"PLUGIN_MIN_PORT=1"}}, []string{"belongs to the plugin protocol"}},
		"env with a NUL":       {catalog.Spec{Kind: plugins.Storage, Name: "wal", Env: []string{"A=\x00"}}, []string{"NUL"}},
		"argument with a NUL":  {catalog.Spec{Kind: plugins.Storage, Command: []string{script, "\x00"}}, []string{"NUL"}},
		"command without name": {catalog.Spec{Kind: plugins.Storage, Command: []string{""}}, []string{"command is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCatalog(t, nil)
			slot, err := c.Slot(tc.spec)
			if err == nil {
				_, err = slot.Start(t.Context())
			}
			if !errors.Is(err, catalog.ErrPermanent) {
				t.Fatalf("start: %v", err)
			}
			for _, words := range tc.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("error does not say %q: %v", words, err)
				}
			}
		})
	}
}

func TestFilesThatTheSystemCannotExecuteAreConfigurationErrors(t *testing.T) {
	for name, tc := range map[string]struct{ text, says string }{
		"text":                {"not a program\n", "no program for this machine"},
		"interpreter missing": {"#!/nonexistent/python\n", "interpreter"},
		"empty":               {"", "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, "plugin", tc.text, 0o755)
			c := newCatalog(t, nil)
			slot := mustSlot(t, c, catalog.Spec{Kind: plugins.Storage, Command: []string{path}, SHA256: sumOf(t, path)})
			_, err := slot.Start(t.Context())
			if !errors.Is(err, catalog.ErrPermanent) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("start: %v", err)
			}
		})
	}
}

func TestARuntimeDirectoryWithTooLongAPathIsRefusedEarly(t *testing.T) {
	_, err := catalog.New(catalog.Options{RuntimeDir: "/tmp/" + strings.Repeat("d", 80)})
	if err == nil || !strings.Contains(err.Error(), "choose a shorter one") {
		t.Errorf("new: %v", err)
	}
}

func TestARuntimeDirectoryBelowAForeignLinkIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a link away")
	}
	dir, err := os.MkdirTemp(shortdir.Parent(), "ct")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	link := filepath.Join(dir, "l")
	if err := os.Symlink("..", link); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(link, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.New(catalog.Options{RuntimeDir: link}); !errors.Is(err, ownership.ErrForeign) {
		t.Errorf("new: %v", err)
	}
}
