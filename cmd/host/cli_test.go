package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/internal/clusterdoc"
	"github.com/pontoon-raft/pontoon/internal/loopback"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
)

// outcome is what a command left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// host runs a command as the shell would.
func host(t *testing.T, given ...string) outcome {
	t.Helper()
	return hostWith(t, "", given...)
}

func hostWith(t *testing.T, stdin string, given ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append([]string{nameInTexts}, given...), strings.NewReader(stdin), &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// nowhere is an address on which no program listens.
func nowhere(t *testing.T) string {
	t.Helper()
	address, err := new(loopback.Ports).Free()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestExitCodes(t *testing.T) {
	h := startFake(t)
	dead := nowhere(t)
	config := filepath.Join("..", "..", "configs", "single.yaml")
	badCommands := filepath.Join(t.TempDir(), "commands.txt")
	if err := os.WriteFile(badCommands, []byte("a\nbase64:?\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	goodCommands := filepath.Join(t.TempDir(), "commands.txt")
	if err := os.WriteFile(goodCommands, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name  string
		err   error // of the host
		given string
		code  int
		says  string // on stderr
	}{
		{name: "ok", given: "kv put a 1", code: exitOK},
		{name: "help", given: "kv put --help", code: exitOK},
		{name: "no command", given: "", code: exitOK},

		{name: "refused by the state machine", given: "propose garbage", code: exitFailed, says: "the state machine refused it"},
		{name: "refused by the host", err: server.ErrTooLarge, given: "kv put a 1", code: exitFailed, says: "too large"},

		{name: "unknown command", given: "stats", code: exitUsage, says: `unknown command "stats" (did you mean status?)`},
		{name: "unknown command of a group", given: "member ad", code: exitUsage, says: `unknown command "ad" (did you mean add?)`},
		{name: "a group alone", given: "kv", code: exitUsage, says: "delete, get, put, range"},
		{name: "unknown flag", given: "status --verbose", code: exitUsage, says: "unknown flag: --verbose"},
		{name: "missing argument", given: "kv get", code: exitUsage, says: "host kv get KEY"},
		{name: "too many arguments", given: "status all", code: exitUsage, says: `unknown command "all"`},
		{name: "bad format", given: "status -o yaml", code: exitUsage, says: "use table or json"},
		{name: "bad endpoints", given: "status --endpoints here", code: exitUsage, says: `"here" is not host:port`},
		{name: "bad timeout", given: "status --timeout 0s", code: exitUsage, says: "--timeout must be above 0"},
		{name: "bad id", given: "member remove n1", code: exitUsage, says: `"n1" is not an id`},
		{name: "missing flag", given: "member add --id 2", code: exitUsage, says: "give --name"},
		{name: "nothing to update", given: "member update 2", code: exitUsage, says: "give --peer-urls, --client-address or --name"},
		{name: "no clients", given: "bench propose --clients 0", code: exitUsage, says: "at least one client"},
		{name: "commands for a kind that has none", given: "plugin check --kind storage --commands " + goodCommands + " -- /bin/true", code: exitUsage, says: "commands are for a state machine, and this is a storage"},
		{name: "commands to measure a kind that has none", given: "plugin bench --kind transport --commands " + goodCommands + " -- /bin/true", code: exitUsage, says: "and this is a transport"},
		{name: "a bad line of commands", given: "bench propose --raw --commands " + badCommands, code: exitUsage, says: badCommands + `: line 2: "base64:?": illegal base64`},
		{name: "no commands", given: "bench propose --commands /dev/null", code: exitUsage, says: "/dev/null: there is no command in it"},
		{name: "a size of commands", given: "bench propose --size 1 --commands " + badCommands, code: exitUsage, says: "--size says nothing of the commands of a file"},
		{name: "too many nodes", given: "demo --nodes 8", code: exitUsage, says: "choose from 1 to 7"},
		{name: "no config", given: "serve", code: exitUsage, says: "give --config"},
		{name: "config not there", given: "serve -c none.yaml", code: exitUsage, says: "open none.yaml"},
		{name: "config invalid", given: "serve -c " + config + " --set raft.tick=soon", code: exitUsage, says: `--set raft.tick: raft.tick: "soon" is not a duration`},
		{name: "set without value", given: "config validate -c " + config + " --set raft.tick", code: exitUsage, says: "write key=value"},

		{name: "unreachable", given: "status --timeout 2s --endpoints " + dead, code: exitUnreachable, says: "no member could be reached: " + dead},
		{name: "out of time", given: "kv get a --timeout 200ms --endpoints " + dead, code: exitUnreachable, says: "timed out"},
		{name: "no leader", err: server.ErrNoLeader, given: "kv put a 1 --timeout 200ms", code: exitUnreachable, says: "no leader"},
		{name: "effect unknown", err: server.ErrLeaderLost, given: "kv put a 1", code: exitUnreachable, says: "outcome unknown"},

		{name: "no such key", given: "kv get none", code: exitNotFound, says: "key none: not found"},
		{name: "nothing deleted", given: "kv delete none", code: exitNotFound, says: "key none: not found"},
		{name: "wrong revision", given: "kv put a 2 --if-revision 0", code: exitNotFound, says: "a: precondition failed: its last write was at revision"},
		{name: "no such member", given: "member remove 9", code: exitNotFound, says: "member 9: not found"},
		{name: "update refused", err: server.ErrUnknownMember, given: "member update 9 --name n9", code: exitNotFound, says: "unknown member (not applied"},
		{name: "change refused", err: server.ErrChangeRefused, given: "member remove 1", code: exitNotFound, says: "membership change was refused"},
		{name: "quorum at risk", err: &server.Error{Err: server.ErrQuorumAtRisk, Detail: "3 (n3) is not there"}, given: "member remove 1", code: exitNotFound, says: "3 (n3) is not there"},
		{name: "no quorum", err: server.ErrNoQuorum, given: "member remove 1", code: exitUnreachable, says: "no quorum"},
		{name: "waiting for a learner that stays one", given: "member add --id 2 --name n2 --peer-url http://h:1 --client-address h:2 --wait --learner", code: exitUsage, says: "never a voter"},
	} {
		t.Run(x.name, func(t *testing.T) {
			h.set(func(h *fakeHost) { h.err = x.err })
			given := strings.Fields(x.given)
			if !strings.Contains(x.given, "--endpoints") {
				t.Setenv("PONTOON_ENDPOINTS", h.address)
			}
			got := host(t, given...)
			if got.code != x.code || !strings.Contains(got.stderr, x.says) {
				t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s\nwant there: %s", got.code, x.code, got.stdout, got.stderr, x.says)
			}
			if got.code != exitOK && !strings.Contains(x.given, "status") && !strings.Contains(x.given, "propose") &&
				!strings.Contains(x.given, "delete") && got.stdout != "" {
				t.Errorf("a message went to standard output: %s", got.stdout)
			}
		})
	}
}

func TestInterruptedCommandExitsWith130(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	given := []string{nameInTexts, "kv", "get", "a", "--endpoints", nowhere(t)}
	if code := run(ctx, given, strings.NewReader(""), &out, &out); code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, out.String())
	}
}

// The shape of status is an interface: names, order and types.
func TestStatusJSON(t *testing.T) {
	h := startFake(t)
	dead := nowhere(t)
	h.set(func(h *fakeHost) {
		h.members.Members = append(h.members.Members, server.Member{ID: 0xab, Name: "n2", ClientAddress: dead})
		h.status.Links = []server.PeerLink{{ID: 0xab, Transport: "http", Active: true, Usable: []string{"http"}}}
		h.status.Progress = []server.PeerProgress{
			{Progress: node.Progress{ID: 0xab, State: "replicate", Match: 15, Lag: &node.Lag{Entries: 5, Bytes: 6000, InFlight: 2000}}, Silent: 400 * time.Millisecond},
			{Progress: node.Progress{ID: 0xac, State: "probe"}, Stalled: 8 * time.Second},
		}
		h.status.Warnings = []server.Warning{{Reason: server.WarnCommitStalled, Text: "nothing since noon"}}
		h.status.Uncommitted, h.status.TickAge = 1500*time.Millisecond, 20*time.Millisecond
		h.status.Level, h.status.LevelUnderstood = 2, 3
		h.status.CommandVersion, h.status.CommandVersions = 4, &plugins.Versions{Least: 1, Greatest: 5}
		durable := uint64(18)
		h.status.Durable = &durable
		h.status.Plugins[2].Work = &server.Work{What: "compacting", Progress: 17, For: 9 * time.Second, Still: 2 * time.Second}
		h.status.Plugins[2].Generation, h.status.Plugins[2].LastExit = 3, "pid 9: killed by signal 9"
		h.status.Plugins[2].Record = &server.PluginRecord{Path: "/var/kv.record", Bytes: 4096, Gaps: 1}
	})
	got := host(t, "status", "-o", "json", "--endpoints", h.address, "--timeout", "2s")
	if got.code != exitOK || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	want := `{
  "cluster_id": "c1",
  "leader": "1",
  "term": 7,
  "verdict": "UNAVAILABLE",
  "reasons": [
    "1 leads and nothing gets committed: nothing since noon",
    "1: nothing since noon",
    "ab: does not answer: REASON"
  ],
  "tolerance": {
    "voters": 2,
    "quorum": 2,
    "sound": 2,
    "failures": 0
  },
  "members": [
    {
      "id": "1",
      "name": "n1",
      "role": "leader",
      "leader": "1",
      "promote": false,
      "voter": true,
      "version": "",
      "term": 7,
      "commit": 20,
      "applied": 19,
      "first_index": 3,
      "last_index": 21,
      "snapshot_index": 2,
      "reachable": true,
      "error": "",
      "plugins": [
        {
          "kind": "transport",
          "name": "http",
          "version": "1.0",
          "pid": 11,
          "state": "ready",
          "attached": false,
          "restarts": 0,
          "warning": "",
          "last_error": "",
          "work": null,
          "record": null,
          "generation": 0,
          "last_exit": ""
        },
        {
          "kind": "storage",
          "name": "wal",
          "version": "1.0",
          "pid": 12,
          "state": "ready",
          "attached": false,
          "restarts": 2,
          "warning": "",
          "last_error": "",
          "work": null,
          "record": null,
          "generation": 0,
          "last_exit": ""
        },
        {
          "kind": "statemachine",
          "name": "kv",
          "version": "1.0",
          "pid": 13,
          "state": "ready",
          "attached": false,
          "restarts": 0,
          "warning": "",
          "last_error": "",
          "work": {
            "what": "compacting",
            "progress": 17,
            "for_ms": 9000,
            "still_ms": 2000
          },
          "record": {
            "path": "/var/kv.record",
            "bytes": 4096,
            "gaps": 1,
            "failure": ""
          },
          "generation": 3,
          "last_exit": "pid 9: killed by signal 9"
        }
      ],
      "links": [
        {
          "id": "ab",
          "transport": "http",
          "active": true,
          "usable": [
            "http"
          ],
          "error": ""
        }
      ],
      "progress": [
        {
          "id": "ab",
          "state": "replicate",
          "match": 15,
          "lag_entries": 5,
          "lag_bytes": 6000,
          "in_flight_bytes": 2000,
          "last_contact_ms": 400,
          "stalled_ms": 0,
          "why": ""
        },
        {
          "id": "ac",
          "state": "probe",
          "match": 0,
          "lag_entries": null,
          "lag_bytes": null,
          "in_flight_bytes": 0,
          "last_contact_ms": 0,
          "stalled_ms": 8000,
          "why": ""
        }
      ],
      "warnings": [
        {
          "reason": "commit_stalled",
          "message": "nothing since noon"
        }
      ],
      "uncommitted_ms": 1500,
      "tick_age_ms": 20,
      "level": 2,
      "level_understood": 3,
      "command_version": 4,
      "command_versions": {
        "least": 1,
        "greatest": 5
      },
      "durable": 18,
      "quarantine": null,
      "storage_move": null
    },
    {
      "id": "ab",
      "name": "n2",
      "role": "",
      "leader": "",
      "promote": false,
      "voter": true,
      "version": "",
      "term": 0,
      "commit": 0,
      "applied": 0,
      "first_index": 0,
      "last_index": 0,
      "snapshot_index": 0,
      "reachable": false,
      "error": "ERROR",
      "plugins": [],
      "links": [],
      "progress": [],
      "warnings": [],
      "uncommitted_ms": 0,
      "tick_age_ms": 0,
      "level": 0,
      "level_understood": 0,
      "command_version": 0,
      "command_versions": null,
      "durable": null,
      "quarantine": null,
      "storage_move": null
    }
  ]
}
`
	text := regexp.MustCompile(`"error": "[^"]*refused[^"]*"`).ReplaceAllString(got.stdout, `"error": "ERROR"`)
	text = regexp.MustCompile(`does not answer: [^"]*refused[^"]*"`).ReplaceAllString(text, `does not answer: REASON"`)
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestStatusTableHasARowForEveryMember(t *testing.T) {
	h := startFake(t)
	h.set(func(h *fakeHost) {
		h.members.Members = append(h.members.Members, server.Member{ID: 2, Name: "n2", ClientAddress: nowhere(t)})
	})
	got := host(t, "status", "--endpoints", h.address, "--timeout", "2s")
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if len(lines) != 5 || lines[0] != "cluster c1, leader 1" || !strings.HasPrefix(lines[1], "DEGRADED, tolerates 0 failures (1 of 2 voters get on, the quorum is 2): 2: does not answer: ") {
		t.Fatalf("%s", got.stdout)
	}
	if columns := strings.Fields(lines[2]); len(columns) != 8 {
		t.Errorf("%d columns: %v", len(columns), columns)
	}
	for i, want := range []string{`^1 +n1 +leader +7 +20 +19 +2 +http, wal \(2 restarts\), kv$`, `^2 +n2 +unreachable .*refused`} {
		if !regexp.MustCompile(want).MatchString(lines[3+i]) {
			t.Errorf("%q does not match %q", lines[3+i], want)
		}
	}
}

// While a cluster moves from one transport to another, a member has two; the
// table tells which of them carries what, and whom none reaches.
func TestStatusShowsWhichTransportCarries(t *testing.T) {
	h := startFake(t)
	h.set(func(h *fakeHost) {
		h.status.Plugins = append(h.status.Plugins, server.PluginStatus{Kind: "transport", Name: "quic", State: "ready"})
		h.status.Links = []server.PeerLink{
			{ID: 2, Transport: "quic", Usable: []string{"quic", "http"}},
			{ID: 3, Transport: "quic", Usable: []string{"quic"}},
			{ID: 4, Error: "it is far away"},
		}
	})
	got := host(t, "status", "--endpoints", h.address)
	want := "http, wal (2 restarts), kv, quic to 2 3, no way to 4: it is far away"
	if lines := strings.Split(got.stdout, "\n"); len(lines) < 4 || !strings.HasSuffix(lines[3], want) {
		t.Errorf("got\n%s\nwant %q at the end of the row", got.stdout, want)
	}
}

// The leader's followers have a table of their own: how far each is behind, and when it was
// heard. Of one that has not said what it has that is unknown, and not the whole log.
func TestStatusShowsHowFarFollowersAreBehind(t *testing.T) {
	h := startFake(t)
	h.set(func(h *fakeHost) {
		h.status.Progress = []server.PeerProgress{
			{Progress: node.Progress{ID: 2, State: "replicate", Lag: &node.Lag{}}},
			{Progress: node.Progress{ID: 3, State: "replicate", Lag: &node.Lag{Entries: 5, Bytes: 6000, InFlight: 2000}}, Silent: 21400 * time.Millisecond},
			{Progress: node.Progress{ID: 4, State: "probe"}},
		}
	})
	got := host(t, "status", "--endpoints", h.address)
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	want := []string{`^FOLLOWER +STATE +BEHIND +IN FLIGHT +LAST CONTACT$`, `^2 +replicate +nothing +0 B +0\.0 s ago$`, `^3 +replicate +5 entries, 5\.9 KiB +2\.0 KiB +21\.4 s ago$`, `^4 +probe +unknown `}
	if len(lines) < len(want) {
		t.Fatalf("got\n%s", got.stdout)
	}
	for i, line := range lines[len(lines)-len(want):] {
		if !regexp.MustCompile(want[i]).MatchString(line) {
			t.Errorf("%q does not match %q", line, want[i])
		}
	}
}

func TestStatusCheckGivesAVerdict(t *testing.T) {
	for _, x := range []struct {
		name   string
		change func(*fakeHost)
		code   int
	}{
		{"all is well", func(*fakeHost) {}, exitOK},
		{"no leader", func(h *fakeHost) { h.status.Role = "follower" }, exitUnhealthy},
		{"a plugin restarts", func(h *fakeHost) { h.status.Plugins[1].State = "backoff" }, exitUnhealthy},
		{"no way to a peer", func(h *fakeHost) {
			h.status.Links = []server.PeerLink{{ID: 2, Error: "none of its peer URLs fits"}}
		}, exitUnhealthy},
		{"nothing is committed", func(h *fakeHost) {
			h.status.Warnings = []server.Warning{{Reason: server.WarnCommitStalled, Text: "nothing since noon"}}
		}, exitUnhealthy},
		{"a member is down", func(h *fakeHost) {
			h.members.Members = append(h.members.Members, server.Member{ID: 2, Name: "n2"})
		}, exitUnhealthy},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := startFake(t)
			h.set(x.change)
			got := host(t, "status", "--check", "--endpoints", h.address, "--timeout", "2s")
			if got.code != x.code || got.stderr != "" {
				t.Errorf("%+v, want %d", got, x.code)
			}
		})
	}
}

func TestKV(t *testing.T) {
	h := startFake(t)
	t.Setenv("PONTOON_ENDPOINTS", h.address)
	for _, x := range []struct{ stdin, given, want string }{
		{"", "kv put greeting hello", "revision 1\n"},
		{"from\nstdin", "kv put file -", "revision 2\n"},
		{"\xff\x00", "kv put binary", "revision 3\n"},
		{"", "kv get greeting", "hello"},
		{"", "kv get --stale file", "from\nstdin"},
		{"", "kv get binary", "\xff\x00"},
		{"", "kv put greeting hi --if-revision 1", "revision 4\n"},
		{"", "kv put new 1 --if-revision 0 -o json", "{\n  \"revision\": 5,\n  \"deleted\": 0\n}\n"},
		{"", "kv range --keys-only", "KEY       REVISION\nbinary    3\nfile      2\ngreeting  4\nnew       5\n"},
		{"", "kv range f h", "KEY       REVISION  VALUE\nfile      2         \"from\\nstdin\"\ngreeting  4         hi\n"},
		{"", "kv range --prefix gre --keys-only", "KEY       REVISION\ngreeting  4\n"},
		{"", "kv delete b g", "deleted 2\n"},
		{"", "kv range --keys-only -o json", `{
  "revision": 6,
  "more": false,
  "kvs": [
    {
      "key": "greeting",
      "value": "",
      "create_revision": 1,
      "mod_revision": 4,
      "version": 2
    },
    {
      "key": "new",
      "value": "",
      "create_revision": 5,
      "mod_revision": 5,
      "version": 1
    }
  ]
}
`},
	} {
		got := hostWith(t, x.stdin, strings.Fields(x.given)...)
		if got.code != exitOK || got.stdout != x.want || got.stderr != "" {
			t.Errorf("%s: %+v, want %q", x.given, got, x.want)
		}
	}
	got := hostWith(t, "\xff", "kv", "put", "b")
	if got = host(t, "kv", "get", "b", "-o", "json"); !strings.Contains(got.stdout, `"value_base64": "/w=="`) {
		t.Errorf("%+v", got)
	}
	if got = host(t, "kv", "range", "--limit", "1"); !strings.Contains(got.stderr, "more keys") {
		t.Errorf("%+v", got)
	}
}

// A watch shows what was and what comes, ends as asked, and says with its code why it
// cannot go on.
func TestWatch(t *testing.T) {
	h := startFake(t)
	t.Setenv("PONTOON_ENDPOINTS", h.address)
	for _, given := range []string{"kv put user/a 1", "kv put other 2", "kv put user/b \x1b", "kv delete user/a"} {
		if got := host(t, strings.Fields(given)...); got.code != exitOK {
			t.Fatalf("%s: %+v", given, got)
		}
	}
	for _, x := range []struct{ given, want string }{
		{"watch --from 1 --limit 4", "1 put user/a 1\n2 put other 2\n3 put user/b \"\\x1b\"\n4 delete user/a\n"},
		{"watch user/ --from 2 --limit 2 --history f00d", "3 put user/b \"\\x1b\"\n4 delete user/a\n"},
		{"watch other --from 1 --limit 1 --keys-only", "2 put other\n"},
		{"watch --from 1 --limit 1", "1 put user/a 1\n"}, // the member has sent more in the same update
		{"watch --from 1 --limit 1 -o json", `{"revision":1,"history":"f00d","events":[{"type":"put","key":"user/a","value":"1","create_revision":1,"mod_revision":1,"version":1}]}` + "\n"},
		{"watch other --from 1 --limit 1 -o json", `{"revision":4,"history":"f00d","events":[{"type":"put","key":"other","value":"2","create_revision":2,"mod_revision":2,"version":1}]}` + "\n"},
		{"watch user/a --from 4 --limit 1 -o json", `{"revision":4,"history":"f00d","events":[{"type":"delete","key":"user/a","value":"","create_revision":0,"mod_revision":4,"version":0}]}` + "\n"},
	} {
		if got := host(t, strings.Fields(x.given)...); got.code != exitOK || got.stdout != x.want || got.stderr != "" {
			t.Errorf("%s: %+v, want %q", x.given, got, x.want)
		}
	}
	for _, x := range []struct {
		given string
		code  int
		says  string
	}{
		{"watch --from 6", exitNotFound, "watch from revision 6: the revision is of the future: the oldest is 1, the store's is 4"},
		{"watch --from 2 --history beef", exitNotFound, "watch from revision 2: the revision is of another history: beef, and the cluster's is f00d"},
		{"watch --from -1", exitUsage, "invalid argument"},
		{"watch a b", exitUsage, "watch"},
		{"watch " + strings.Repeat("k", 4097), exitFailed, "4097 bytes is over the limit"},
	} {
		if got := host(t, strings.Fields(x.given)...); got.code != x.code || got.stdout != "" || !strings.Contains(got.stderr, x.says) {
			t.Errorf("%s: %+v, want %d", x.given, got, x.code)
		}
	}
	for _, given := range []string{"kv put x/1 1", "kv put x/2 1", "kv delete x/ x0", "kv put y 1"} {
		if got := host(t, strings.Fields(given)...); got.code != exitOK {
			t.Fatalf("%s: %+v", given, got)
		}
	}
	if got := host(t, "watch", "--from", "7", "--limit", "1"); got.code != exitOK || got.stdout != "7 delete x/1\n7 delete x/2\n" {
		t.Errorf("a revision with two events: %+v", got)
	}
}

func TestRawBytes(t *testing.T) {
	h := startFake(t)
	t.Setenv("PONTOON_ENDPOINTS", h.address)
	got := hostWith(t, "\x0a\x06\x0a\x01k\x12\x01v", "propose") // a put of kv, spelt out
	if got.code != exitOK || got.stdout == "" {
		t.Fatalf("%+v", got)
	}
	got = hostWith(t, "\x0a\x03\x0a\x01k", "query", "-", "-o", "json")
	var answer struct {
		Index uint64 `json:"index"`
		Data  string `json:"data"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &answer); err != nil || answer.Index != 1 || !strings.Contains(answer.Data, "v") {
		t.Errorf("%+v: %v", got, err)
	}
}

func TestMembers(t *testing.T) {
	h := startFake(t)
	t.Setenv("PONTOON_ENDPOINTS", h.address)
	got := host(t, strings.Fields("member add --id 0xAB --name n2 --peer-url http://h:1 --client-address h:2")...)
	if got.code != exitOK || !strings.Contains(got.stderr, "member ab is added as a learner; it becomes a voter when it has caught up") {
		t.Errorf("%+v", got)
	}
	got = host(t, "member", "list", "-o", "json")
	var m membership
	if err := json.Unmarshal([]byte(got.stdout), &m); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	if m.ClusterID != "c1" || m.Leader != "1" || len(m.Members) != 2 || m.Members[1].ID != "ab" || m.Members[1].PeerURLs[0] != "http://h:1" || !m.Members[1].Promote {
		t.Errorf("%+v", m)
	}
	got = host(t, strings.Fields("member update AB --peer-urls http://h:1,quic://h:1 -o json")...)
	if err := json.Unmarshal([]byte(got.stdout), &m); err != nil || got.code != exitOK ||
		!slices.Equal(m.Members[1].PeerURLs, []string{"http://h:1", "quic://h:1"}) {
		t.Errorf("%v: %+v", err, got)
	}
	if h.force {
		t.Error("an update was forced unasked")
	}
	if got = host(t, strings.Fields("member update AB --peer-urls http://h:1 --force")...); got.code != exitOK || !h.force {
		t.Errorf("%+v", got)
	}
	h.set(func(h *fakeHost) { h.force = false })
	if got = host(t, "member", "remove", "AB"); got.code != exitOK || strings.Contains(got.stdout, "n2") {
		t.Errorf("%+v", got)
	}
	got = host(t, strings.Fields("member add --id AC --name n3 --peer-url http://h:1 --client-address h:2 --wait --force")...)
	if got.code != exitOK || !strings.Contains(got.stderr, "member ac is a voter") || !h.force {
		t.Errorf("%+v", got)
	}
	if got = host(t, "leader", "transfer", "1"); got.stdout != "1\n" {
		t.Errorf("%+v", got)
	}
}

// The shape of bench is an interface, too.
func TestBenchJSON(t *testing.T) {
	h := startFake(t)
	t.Setenv("PONTOON_ENDPOINTS", h.address)
	for _, kind := range []string{"propose", "query"} {
		got := host(t, "bench", kind, "--clients", "4", "--size", "16", "--duration", "1s", "--warmup", "10ms", "-o", "json")
		if got.code != exitOK || got.stderr != "" {
			t.Fatalf("%+v", got)
		}
		var fields map[string]float64
		if err := json.Unmarshal([]byte(got.stdout), &fields); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"clients", "size", "seconds", "ops", "ops_per_second", "p50_ms", "p99_ms", "errors"} {
			if _, ok := fields[name]; !ok {
				t.Errorf("bench %s: no %s in %s", kind, name, got.stdout)
			}
			delete(fields, name)
		}
		if len(fields) > 0 {
			t.Errorf("bench %s: more than promised: %v", kind, fields)
		}
	}
}

// bench propose takes the commands of a file, and their mean size is the size that it shows.
func TestBenchProposesTheCommandsOfAFile(t *testing.T) {
	h := startFake(t)
	t.Setenv("PONTOON_ENDPOINTS", h.address)
	var lines strings.Builder
	for _, key := range []string{"a", "bbb"} {
		lines.WriteString("base64:" + base64.StdEncoding.EncodeToString(kv.EncodePut([]byte(key), []byte("value"))) + "\n")
	}
	path := filepath.Join(t.TempDir(), "commands.txt")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got := host(t, "bench", "propose", "--raw", "--commands", path, "--clients", "4", "--duration", "200ms", "--warmup", "10ms", "-o", "json")
	var report benchReport
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != exitOK {
		t.Fatalf("%v, %+v", err, got)
	}
	if want := len(kv.EncodePut([]byte("bb"), []byte("value"))); report.Size != want || report.Ops == 0 || report.Errors != 0 {
		t.Errorf("%+v, want commands of %d bytes and no errors", report, want)
	}
	for _, key := range []string{"a", "bbb"} {
		if got := host(t, "kv", "get", key); got.code != exitOK || !strings.Contains(got.stdout, "value") {
			t.Errorf("key %s: %+v", key, got)
		}
	}
}

func TestConfigShowGivesOrigins(t *testing.T) {
	t.Setenv("PONTOON_RAFT_TICK", "50ms")
	t.Setenv("PONTOON_SERVICE_HOST", "10.0.0.1")
	config := filepath.Join("..", "..", "configs", "single.yaml")
	got := host(t, "config", "show", "-c", config, "--origin", "--data-dir", "/d")
	for _, want := range []string{
		`node\.data_dir +/d +flag --data-dir\n`,
		`raft\.tick +50ms +environment PONTOON_RAFT_TICK\n`,
		`raft\.election +1s +file .*single\.yaml:\d+\n`,
		`raft\.catch_up_entries +5000 +default\n`,
	} {
		if !regexp.MustCompile(want).MatchString(got.stdout) {
			t.Errorf("%q is not in\n%s", want, got.stdout)
		}
	}
	if !strings.Contains(got.stderr, "PONTOON_SERVICE_HOST names no setting and is ignored") {
		t.Errorf("stderr: %s", got.stderr)
	}
	got = host(t, "config", "show", "-c", config, "-o", "json")
	var shown struct{ Settings []shownSetting }
	if err := json.Unmarshal([]byte(got.stdout), &shown); err != nil || len(shown.Settings) < 30 {
		t.Errorf("%v: %+v", err, got)
	}
}

// Each flag with peer URLs counts, as if all were in one; of other keys the last counts.
func TestA7AFlagThatIsGivenAgainAdds(t *testing.T) {
	config := filepath.Join("..", "..", "configs", "local3", "n1.yaml")
	got := host(t, "config", "show", "-c", config,
		"--set", "cluster.peer_urls=n1=http://h:1", "--set", "cluster.peer_urls=n2=http://h:2,n1=http://h:3",
		"--set", "raft.tick=20ms", "--set", "raft.tick=50ms")
	for _, want := range []string{" n1 http://h:1,http://h:3 ", " n2 http://h:2 ", " n3 http://127.0.0.1:7503 ", "50ms"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%q is not in\n%s%s", want, got.stdout, got.stderr)
		}
	}
	got = host(t, "config", "show", "-c", config, "--set", "cluster.peer_urls=n1=http://h:1", "--set", "cluster.peer_urls=n2=http://h:1")
	if got.code != exitUsage || !strings.Contains(got.stderr, "http://h:1 is named twice") {
		t.Errorf("two members at one URL: %d, %s", got.code, got.stderr)
	}
}

func TestVersion(t *testing.T) {
	got := host(t, "version", "-o", "json")
	var v versionInfo
	if err := json.Unmarshal([]byte(got.stdout), &v); err != nil || v.PluginProtocol != 1 || len(v.Plugins) != len(backends()) {
		t.Errorf("%v: %+v", err, got)
	}
}

// Every command says what it does and how, and what prints data can print
// JSON.
func TestEveryCommandIsDocumented(t *testing.T) {
	docs, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	visit(newRoot(), func(path, short, example string, runs bool) {
		if !runs || strings.HasPrefix(path, "host completion") || path == "host help" {
			return
		}
		checked++
		if short == "" || !strings.Contains(example, path) {
			t.Errorf("%s: no description, or no example of it", path)
		}
		if !strings.Contains(string(docs), strings.TrimPrefix(path, "host ")) {
			t.Errorf("%s is not in docs/cli.md", path)
		}
	})
	if checked < 15 {
		t.Errorf("only %d commands", checked)
	}
}

func visit(cmd *cobra.Command, f func(path, short, example string, runs bool)) {
	f(cmd.CommandPath(), cmd.Short, cmd.Example, cmd.Runnable() && !cmd.HasSubCommands())
	for _, c := range cmd.Commands() {
		visit(c, f)
	}
}

// A plugin that works and is not well shows in the table, and fails the check.
func TestStatusWarns(t *testing.T) {
	member := clusterdoc.Member{Leader: "1", Term: 7, ID: "1", Role: "leader", Reachable: true, Plugins: []clusterdoc.Plugin{{Name: "wal", State: clusterdoc.PluginReady}}}
	if s := (clusterStatus{clusterdoc.Document{Leader: "1", Term: 7, Members: []clusterdoc.Member{member}}}); !s.Healthy() || s.note(member) != "wal" {
		t.Errorf("without a warning: healthy %t, note %q", s.Healthy(), s.note(member))
	}
	member.Plugins[0].Warning = "short of space: 3 bytes"
	if s := (clusterStatus{clusterdoc.Document{Leader: "1", Term: 7, Members: []clusterdoc.Member{member}}}); s.Healthy() || s.note(member) != "wal (short of space: 3 bytes)" {
		t.Errorf("with a warning: healthy %t, note %q", s.Healthy(), s.note(member))
	}
}
