package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
)

// running is a plugin process that a test talks to.
type running struct {
	client   *plugin.Client
	conn     *grpc.ClientConn
	cmd      *exec.Cmd
	lifeline io.Closer
	stderr   *safeBuffer
}

// start runs this executable as the plugin called name.
func start(t *testing.T, name string) *running {
	t.Helper()
	opts, err := pluginrpc.DialOptions(plugins.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{stderr: new(safeBuffer)}
	r.cmd = exec.Command(os.Args[0], BuiltinCommand, "statemachine", name)
	// go-plugin would hand down the test's own standard input.
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.lifeline = write
	saved := os.Stdin
	os.Stdin = read
	r.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  pluginrpc.Handshake(),
		VersionedPlugins: pluginrpc.VersionedPlugins(nil),
		Cmd:              r.cmd,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		GRPCDialOptions:  opts,
		Stderr:           r.stderr,
		Logger:           hclog.NewNullLogger(),
	})
	protocol, err := r.client.Client()
	os.Stdin = saved
	_ = read.Close()
	if err != nil {
		t.Fatalf("%v\n%s", err, r.stderr)
	}
	t.Cleanup(func() {
		r.client.Kill()
		_ = write.Close()
	})
	dispensed, err := protocol.Dispense(pluginrpc.PluginName)
	if err != nil {
		t.Fatal(err)
	}
	r.conn = dispensed.(*grpc.ClientConn)
	return r
}

func (r *running) open(t *testing.T) *statemachinerpc.Client {
	t.Helper()
	info, err := pluginrpc.Describe(t.Context(), r.conn)
	if err != nil {
		t.Fatal(err)
	}
	c := statemachinerpc.NewClient(r.conn, info)
	if _, err := c.Open(t.Context(), plugins.Options{Group: 1, Incarnation: 1}); err != nil {
		t.Fatal(err)
	}
	return c
}

// exited waits for the process and returns its exit code.
func (r *running) exited(t *testing.T) int {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !r.client.Exited() {
		select {
		case <-deadline:
			t.Fatal("plugin did not exit")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return r.cmd.ProcessState.ExitCode()
}

func TestServeABackendInAProcessOfItsOwn(t *testing.T) {
	r := start(t, "sum")
	c := r.open(t)
	if info := c.Describe(); info.Name != "sum" || info.Version != "1.2.3" || info.Kind != plugins.StateMachine {
		t.Errorf("described as %+v", info)
	}
	results, err := c.Apply(t.Context(), statemachine.Batch{Entries: []statemachine.Entry{{Index: 1, Data: []byte{2, 3}}}, Through: 1})
	if err != nil || len(results) != 1 || !bytes.Equal(results[0].Data, []byte{5}) {
		t.Fatalf("results %v, error %v", results, err)
	}
	if answer, err := c.Query(t.Context(), nil); err != nil || !bytes.Equal(answer, []byte{5}) {
		t.Fatalf("answer %v, error %v", answer, err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Rules P-15, P-17 and P-18.
func TestSessionProbesMeasuresAndSetsTheLogLevel(t *testing.T) {
	r := start(t, "sum")
	s, err := pluginrpc.OpenSession(t.Context(), r.conn)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := s.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pontoon_statemachine_process_goroutines ", "sum_total 1"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("metrics lack %q:\n%s", want, text)
		}
	}
	if err := s.SetLogLevel(t.Context(), slog.LevelDebug); err != nil {
		t.Fatal(err)
	}
	r.open(t)
	r.stderr.waitFor(t, `"@level":"debug"`)
}

// Rule P-19.
func TestABackendIsToldWhoLeads(t *testing.T) {
	for name, said := range map[string]string{"boss": "leadership {Group:1 Term:4 Leader:7 Leads:true Ready:true Transferring:true}", "sum": ""} {
		r := start(t, name)
		s, err := pluginrpc.OpenSession(t.Context(), r.conn)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.SetLeadership(t.Context(), plugins.Leadership{Group: 1, Term: 4, Leader: 7, Leads: true, Ready: true, Transferring: true}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r.stderr.waitFor(t, said)
	}
}

// A backend in a process says what it is at on its session. Rule SM-53.
func TestABackendSaysWhatItIsAt(t *testing.T) {
	for name, what := range map[string]string{"boss": "telling others what to do", "sum": ""} {
		r := start(t, name)
		s, err := pluginrpc.OpenSession(t.Context(), r.conn)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		if o := s.Occupation(); o.What != what || (o.Progress == 1) != (what != "") {
			t.Errorf("%s is at %+v", name, o)
		}
	}
}

func TestLogLinesKeepTheirLevel(t *testing.T) {
	r := start(t, "sum")
	r.open(t)
	r.stderr.waitFor(t, `"@message":"opened"`)
	line, _, _ := strings.Cut(r.stderr.String(), "\n")
	var entry struct {
		Message string    `json:"@message"`
		Level   string    `json:"@level"`
		Time    time.Time `json:"@timestamp"`
		Group   int       `json:"group"`
	}
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		t.Fatal(err)
	}
	if entry.Message != "opened" || entry.Level != "info" || entry.Group != 1 || entry.Time.IsZero() {
		t.Errorf("logged %s", line)
	}
	if strings.Contains(r.stderr.String(), "details") {
		t.Error("debug lines appear at level info")
	}
}

// Rule P-6.
func TestTheProcessEndsWithItsLifeline(t *testing.T) {
	r := start(t, "sum")
	r.open(t)
	if err := r.lifeline.Close(); err != nil {
		t.Fatal(err)
	}
	if code := r.exited(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// Rule P-7.
func TestSignalsThatAreMeantForTheHostAreIgnored(t *testing.T) {
	r := start(t, "sum")
	c := r.open(t)
	for _, s := range stopSignals() {
		if err := r.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Query(t.Context(), nil); err != nil {
		t.Errorf("query after signals: %v", err)
	}
}

func TestAPanicEndsTheProcessAndTheHostNotices(t *testing.T) {
	r := start(t, "sum")
	c := r.open(t)
	_, err := c.Apply(t.Context(), statemachine.Batch{Entries: []statemachine.Entry{{Index: 1, Data: []byte("panic")}}, Through: 1})
	if !errors.Is(err, plugins.ErrGone) {
		t.Errorf("apply: %v", err)
	}
	if code := r.exited(t); code == 0 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(r.stderr.String(), "an entry that nobody expected") {
		t.Errorf("panic is not on stderr:\n%s", r.stderr)
	}
}

// Rule P-1.
func TestStartedByHand(t *testing.T) {
	cookie := pluginrpc.CookieKey + "=" + pluginrpc.CookieValue
	for _, c := range []struct {
		name   string
		args   []string
		env    []string
		code   int
		stdout string
		stderr string
	}{
		{"without a host", []string{BuiltinCommand, "statemachine", "sum"}, nil, ExitUsage, "", "It is run by the host"},
		{"without a name", []string{BuiltinCommand, "statemachine"}, nil, ExitUsage, "", "usage"},
		{"unknown backend", []string{BuiltinCommand, "storage", "sum"}, []string{cookie}, ExitBackend, "", "shipped are: statemachine sum"},
		{"backend that contradicts its name", []string{BuiltinCommand, "statemachine", "liar"}, []string{cookie}, ExitBackend, "", `describes itself as statemachine \"sum\"`},
		{"describe", []string{BuiltinCommand, "statemachine", "sum", "describe"}, nil, 0, `"config_schema": {`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), os.Args[0], c.args...)
			cmd.Env, cmd.Stdout, cmd.Stderr = c.env, &stdout, &stderr
			err := cmd.Run()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, expected %d", code, c.code)
			}
			if !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("stdout:\n%s\nstderr:\n%s", &stdout, &stderr)
			}
		})
	}
}

func TestOtherArgumentsAreNoneOfOurBusiness(t *testing.T) {
	for _, args := range [][]string{nil, {"serve"}, {"-test.run", BuiltinCommand}} {
		if ServeBuiltin(args, builtins()) {
			t.Errorf("%q was served", args)
		}
	}
}

// promising announces what it is not.
type promising struct {
	*sum
	promise plugins.Capability
}

func (p promising) Describe() plugins.Info {
	info := p.sum.Describe()
	info.Capabilities = []plugins.Capability{p.promise}
	return info
}

func TestABackendAnnouncesWhatItIs(t *testing.T) {
	for promise, is := range map[plugins.Capability]string{
		plugins.CapabilityLeadership: "is not a plugins.LeadershipWatcher",
		plugins.CapabilityBusy:       "is not a plugins.BusyReporter",
	} {
		b := StateMachine("sum", func(Env) statemachine.StateMachine { return promising{&sum{}, promise} })
		if _, err := create(b, slog.Default()); err == nil || !strings.Contains(err.Error(), is) {
			t.Errorf("%s: error %v", promise, err)
		}
	}
}

func TestBackendWithoutConstructorIsRefused(t *testing.T) {
	if _, err := create(Backend{Kind: plugins.Storage, Name: "none"}, slog.Default()); err == nil {
		t.Error("no error")
	}
}
