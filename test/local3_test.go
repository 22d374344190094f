//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// configs/local3 as it is documented: status, processes, bench, HTTP, health,
// metrics.
func TestLocal3(t *testing.T) {
	c := startCluster(t)
	c.leader()
	t.Run("status", c.testStatus)
	t.Run("processes", c.testProcesses)
	t.Run("timer slack", c.testTimerSlack)
	t.Run("JSON over HTTP", c.testHTTP) // before bench, which outruns the history of kv
	t.Run("bench", c.testBench)
	t.Run("gRPC health", c.testHealth)
	t.Run("admin", c.testAdmin)
	t.Run("stages", c.testStages)
	t.Run("unreachable member", c.testUnreachable)
	c.stop()
}

func (c *cluster) testStatus(t *testing.T) {
	var st statusJSON
	decode(t, c.command("status", "-o", "json"), &st)
	if st.ClusterID != "a3" || len(st.Members) != 3 {
		t.Fatalf("status: %+v", st)
	}
	if tol := st.Tolerance; st.Verdict != "HEALTHY" || len(st.Reasons) != 0 || st.Term == 0 || tol.Voters != 3 || tol.Quorum != 2 {
		t.Errorf("%s %q in term %d, tolerance %+v", st.Verdict, st.Reasons, st.Term, tol)
	}
	leaders := 0
	for i, m := range st.Members {
		if id := fmt.Sprint(i + 1); m.ID != id || m.Name != "n"+id || !m.Reachable || m.Error != "" || m.Commit == 0 || m.LastIndex < m.Commit || m.LevelUnderstood == 0 {
			t.Errorf("member %d: %+v", i+1, m)
		}
		if m.Role == "leader" {
			leaders++
			if m.ID != st.Leader {
				t.Errorf("leader is %s, but %s leads", st.Leader, m.ID)
			}
		}
		var found []string
		for _, p := range m.Plugins {
			found = append(found, p.Kind+" "+p.Name+" "+p.State)
			if p.PID <= 0 || p.Version == "" || p.Restarts != 0 || p.Warning != "" {
				t.Errorf("%s: plugin %+v", m.Name, p)
			}
		}
		if got := fmt.Sprint(found); got != "[storage wal ready statemachine kv ready transport http ready]" {
			t.Errorf("%s: plugins %s", m.Name, got)
		}
	}
	if leaders != 1 {
		t.Errorf("%d leaders", leaders)
	}
	c.command("status", "--check")
}

// Each host has three children, those that status names, and nothing else.
func (c *cluster) testProcesses(t *testing.T) {
	for _, n := range c.nodes {
		status := map[int]string{}
		for _, kind := range kinds() {
			plugin := n.plugin(kind)
			status[int(plugin.GetPid())] = "pontoon-" + plugin.GetName()
		}
		for _, p := range live.ChildrenOf(n.host.PID()) {
			if name, ok := status[p.PID]; !ok || p.Name != name {
				t.Errorf("%s has a child that status does not name so: %v", n.name, p)
			}
			delete(status, p.PID)
		}
		if len(status) > 0 {
			t.Errorf("status of %s names %v, which are no children", n.name, status)
		}
		if all := live.SessionOf(n.host.PID()); len(all) != 4 {
			t.Errorf("%s consists of %v", n.name, all)
		}
	}
}

// A host that was not given a timer slack has executed itself under one, and
// its plugins have it too (ADR 0023).
func (c *cluster) testTimerSlack(t *testing.T) {
	const nobodyChose, ours = "50000\n", "1000000\n"
	want, err := os.ReadFile("/proc/self/timerslack_ns") // the hosts began with it
	if err != nil {
		t.Fatal(err)
	}
	byItself := string(want) == nobodyChose
	if byItself {
		want = []byte(ours)
	}
	for _, n := range c.nodes {
		pid := n.host.PID()
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil {
			t.Fatal(err)
		}
		if marked := bytes.Contains(env, fmt.Appendf(nil, "TIMER_SLACK_SET_IN=%d\x00", pid)); marked != byItself {
			t.Errorf("%s has executed itself: %t, want %t", n.name, marked, byItself)
		}
		for _, p := range live.SessionOf(pid) {
			slack, err := os.ReadFile(fmt.Sprintf("/proc/%d/timerslack_ns", p.PID))
			if errors.Is(err, fs.ErrPermission) {
				continue // only a privileged user may look; the mark is for all
			}
			if err != nil || !bytes.Equal(slack, want) {
				t.Errorf("%s: timer slack of %v is %q, %v, want %q", n.name, p, slack, err, want)
			}
		}
	}
}

func (c *cluster) testBench(t *testing.T) {
	var b benchJSON
	decode(t, c.command("bench", "propose", "--clients", "64", "--size", "256", "--duration", "1s", "--warmup", "200ms", "-o", "json"), &b)
	if b.Clients != 64 || b.Size != 256 || b.Errors != 0 || b.Ops == 0 || b.Seconds < 0.9 || b.OpsPerSecond <= 0 || b.P50 <= 0 || b.P99 < b.P50 {
		t.Errorf("bench propose: %+v", b)
	}
	decode(t, c.command("bench", "query", "--clients", "16", "--duration", "1s", "--warmup", "100ms", "-o", "json"), &b)
	if b.Errors != 0 || b.Ops == 0 {
		t.Errorf("bench query: %+v", b)
	}
}

// testHTTP does what the documentation shows with curl, on every member.
func (c *cluster) testHTTP(t *testing.T) {
	for _, n := range c.nodes {
		command := base64.StdEncoding.EncodeToString(kv.EncodePut([]byte("http/"+n.name), []byte("v")))
		var written struct {
			Index      string `json:"index"`
			Data       string `json:"data"`
			Error      string `json:"error"`
			ResultLost bool   `json:"result_lost"`
		}
		decode(t, n.post(t, "/v1/propose", `{"data":"`+command+`"}`), &written)
		if written.Error != "" || written.Index == "" || written.Data == "" {
			t.Errorf("propose on %s: %+v", n.name, written)
		}
		query := base64.StdEncoding.EncodeToString(kv.EncodeGet([]byte("http/" + n.name)))
		var answer struct {
			Data  []byte `json:"data"`
			Index string `json:"index"`
		}
		decode(t, n.post(t, "/v1/query", `{"data":"`+query+`"}`), &answer)
		if page, err := kv.DecodePage(answer.Data); err != nil || len(page.Entries) != 1 || string(page.Entries[0].Value) != "v" {
			t.Errorf("query on %s: %+v, %v", n.name, page, err)
		}
		n.watchEvents(t)
		for _, path := range []string{"/v1/status", "/v1/members"} {
			if code, body, err := n.get(n.client, path); err != nil || code != http.StatusOK || !strings.Contains(body, `"cluster_id":"a3"`) {
				t.Errorf("%s on %s: %d %s, %v", path, n.name, code, body, err)
			}
		}
	}
}

// watchEvents does what the documentation shows with curl: a watch of all keys from the first
// revision on, as Server-Sent Events. It reads up to the first event of a key.
func (n *node) watchEvents(t *testing.T) {
	t.Helper()
	resp, err := web().Get("http://" + n.client + "/v1/query-stream?lasting=true&data=GgIYAQ==")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines, updates := bufio.NewScanner(resp.Body), kv.Updates{Next: 1}
	lines.Buffer(nil, 4<<20) // a chunk has a mebibyte, and its text is a third longer
	for kind := ""; lines.Scan(); {
		switch field, text, _ := strings.Cut(lines.Text(), ": "); field {
		case "event":
			kind = text
		case "data":
			if kind == "header" {
				continue
			}
			chunk, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatalf("an event of %s has the data %.100q: %v", n.name, text, err)
			}
			all, err := updates.Add(chunk)
			if err != nil {
				t.Fatalf("an event of %s: %v", n.name, err)
			}
			if len(all) > 0 && len(all[0].Events) > 0 && all[0].Events[0].ModRevision == 1 {
				return
			}
		case "":
			kind = ""
		}
	}
	t.Errorf("the watch of %s ended with %v", n.name, lines.Err())
}

func (n *node) post(t *testing.T, path, body string) string {
	t.Helper()
	resp, err := web().Post("http://"+n.client+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s on %s: %s %s, %v", path, n.name, resp.Status, &answer, err)
	}
	return answer.String()
}

func (c *cluster) testHealth(t *testing.T) {
	for _, n := range c.nodes {
		conn, err := grpc.NewClient(n.client, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, service := range []string{"", "pontoon.host.v1.Host"} {
			answer, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
			if err != nil || answer.GetStatus() != healthv1.HealthCheckResponse_SERVING {
				t.Errorf("health of %q on %s: %v, %v", service, n.name, answer, err)
			}
		}
	}
}

// metricNames are those that the documentation promises.
func metricNames() []string {
	return []string{
		"pontoon_raft_has_leader 1", "pontoon_raft_is_leader ", "pontoon_raft_term ", "pontoon_raft_commit_index ",
		"pontoon_raft_applied_index ", "pontoon_raft_last_index ", "pontoon_raft_snapshot_index ",
		"pontoon_raft_leader_changes_total ", "pontoon_proposals_pending ", `pontoon_proposals_total{result="applied"}`,
		`pontoon_plugin_up{kind="storage",name="wal"} 1`, `pontoon_plugin_restarts_total{kind="transport",name="http"} 0`,
		"pontoon_apply_batch_entries_count ",
		`pontoon_storage_process_goroutines{kind="storage",plugin="wal"} `, `pontoon_statemachine_process_heap_bytes{kind="statemachine",plugin="kv"} `,
		`pontoon_transport_process_start_time_seconds{kind="transport",plugin="http"} `,
	}
}

func (c *cluster) testAdmin(t *testing.T) {
	for _, n := range c.nodes {
		for _, path := range []string{"/livez", "/readyz", "/metrics", "/debug/pprof/goroutine?debug=1"} {
			code, body, err := n.get(n.admin, path)
			if err != nil || code != http.StatusOK {
				t.Errorf("%s of %s: %d %s, %v", path, n.name, code, body, err)
			}
			if path != "/metrics" {
				continue
			}
			for _, name := range metricNames() {
				if !strings.Contains(body, "\n"+name) {
					t.Errorf("/metrics of %s has no line %q", n.name, name)
				}
			}
		}
	}
}

// testStages: each stage of a write was observed where it is, also the parts that plugins in
// processes of their own say; and the leader knows how far its followers are.
func (c *cluster) testStages(t *testing.T) {
	observed := func(n *node, series ...string) {
		_, body, err := n.get(n.admin, "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range series {
			if !regexp.MustCompile(`(?m)^pontoon_` + regexp.QuoteMeta(name) + ` [1-9]`).MatchString(body) {
				t.Errorf("%s has observed no %s", n.name, name)
			}
		}
	}
	for _, n := range c.nodes {
		observed(n, "append_hop_duration_seconds_count", "append_sync_duration_seconds_count", "apply_hop_duration_seconds_count", "apply_duration_seconds_count",
			`plugin_call_duration_seconds_count{kind="storage",method="Open"}`, `plugin_call_duration_seconds_count{kind="statemachine",method="Open"}`,
			`plugin_call_duration_seconds_count{kind="transport",method="SetPeers"}`, `plugin_call_duration_seconds_count{kind="storage",method="Space"}`)
	}
	leader := c.leader()
	observed(leader, "proposal_queue_duration_seconds_count", `proposal_duration_seconds_count{result="applied"}`)
	_, body, _ := leader.get(leader.admin, "/metrics")
	for _, name := range []string{"peer_round_trip_seconds_count", "peer_lag_entries", "peer_lag_bytes", "peer_inflight_bytes", "peer_last_contact_seconds"} {
		if n := strings.Count(body, "\npontoon_"+name+"{"); n != 2 {
			t.Errorf("the leader has %s of %d followers", name, n)
		}
	}
	var st statusJSON
	decode(t, c.command("status", "-o", "json"), &st)
	for _, m := range st.Members {
		followers := 0
		if m.ID == st.Leader {
			followers = 2
		}
		if len(m.Progress) != followers {
			t.Errorf("%s has the progress of %d followers, want %d", m.Name, len(m.Progress), followers)
		}
		for _, p := range m.Progress {
			if p.LagEntries == nil || p.LagBytes == nil || p.Match == 0 {
				t.Errorf("the leader knows of %s %+v", p.ID, p)
			}
		}
	}
}

// testUnreachable: a member that does not answer has a row with the reason.
func (c *cluster) testUnreachable(t *testing.T) {
	n := c.follower()
	n.kill()
	var st statusJSON
	decode(t, c.command("status", "-o", "json"), &st)
	if len(st.Members) != 3 {
		t.Fatalf("%d rows", len(st.Members))
	}
	if st.Verdict != "DEGRADED" || !slices.ContainsFunc(st.Reasons, func(r string) bool { return strings.HasPrefix(r, n.name[1:]+": does not answer: ") }) {
		t.Errorf("%s is down: %s %q", n.name, st.Verdict, st.Reasons)
	}
	for _, m := range st.Members {
		if down := m.Name == n.name; m.Reachable == down || (m.Error != "") != down || m.ID == "" || (len(m.Plugins) == 0) != down {
			t.Errorf("%s is down, and there is this row: %+v", n.name, m)
		}
	}
	n.startReady()
	c.agreed()
}

// No member is there at all: exit code 3, and the rows that are known.
func TestStatusOfNobody(t *testing.T) {
	dead := freeAddress(t)
	r := refusedWithin(t, patience, "", "status", "-o", "json", "--endpoints", dead, "--timeout", "2s")
	r.says(t, exitUnreachable, dead)
	var st statusJSON
	decode(t, r.stdout, &st)
	if len(st.Members) != 1 || st.Members[0].Reachable || st.Members[0].Error == "" {
		t.Errorf("rows: %+v", st.Members)
	}
}

// The files in configs/ themselves are valid, with the documented addresses; those
// with TLS in a directory with the certificates that the documents tell to make.
func TestExampleConfigurations(t *testing.T) {
	configs, err := filepath.Abs(filepath.Join("..", "configs"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in := func(command string, args ...string) (stdout, stderr bytes.Buffer, err error) {
		cmd := hostCommand(t, append(strings.Fields(command), args...)...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
		err = cmd.Run()
		return stdout, stderr, err
	}
	if _, stderr, err := in("cert init --dir certs", "--config", filepath.Join(configs, "tls3", "t1.yaml")); err != nil {
		t.Fatalf("cert init: %v\n%s", err, &stderr)
	}
	for file, want := range map[string][]string{
		"single.yaml":    {"127.0.0.1:7401", "127.0.0.1:7501", "127.0.0.1:7601", "./data/single"},
		"local3/n1.yaml": {"127.0.0.1:7401", "127.0.0.1:7501", "127.0.0.1:7601", "./data/n1"},
		"local3/n2.yaml": {"127.0.0.1:7402", "127.0.0.1:7502", "127.0.0.1:7602", "./data/n2"},
		"local3/n3.yaml": {"127.0.0.1:7403", "127.0.0.1:7503", "127.0.0.1:7603", "./data/n3"},
		"quic3/n1.yaml":  {"127.0.0.1:7401", "quic://127.0.0.1:7501", "127.0.0.1:7601", "plugins.transport.name quic"},
		"quic3/n2.yaml":  {"127.0.0.1:7402", "quic://127.0.0.1:7502", "127.0.0.1:7602", "plugins.transport.name quic"},
		"quic3/n3.yaml":  {"127.0.0.1:7403", "quic://127.0.0.1:7503", "127.0.0.1:7603", "plugins.transport.name quic"},
		"tls3/t1.yaml":   {"127.0.0.1:7401", "https://127.0.0.1:7501", "127.0.0.1:7601", "./data/t1", "certs/t1.crt"},
		"tls3/t2.yaml":   {"127.0.0.1:7402", "https://127.0.0.1:7502", "127.0.0.1:7602", "./data/t2", "certs/t2.crt"},
		"tls3/t3.yaml":   {"127.0.0.1:7403", "https://127.0.0.1:7503", "127.0.0.1:7603", "./data/t3", "certs/t3.crt"},
	} {
		path := filepath.Join(configs, file)
		for _, command := range []string{"validate", "show"} {
			stdout, stderr, err := in("config "+command, "--config", path)
			if err != nil || stderr.Len() > 0 {
				t.Errorf("config %s --config %s: %v\n%s", command, path, err, &stderr)
			}
			shown := strings.Join(strings.Fields(stdout.String()), " ") // however wide its columns are
			for _, text := range want {
				if command == "show" && !strings.Contains(shown, text) {
					t.Errorf("%s does not set %s:\n%s", path, text, &stdout)
				}
			}
		}
	}
}
