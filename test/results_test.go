//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
)

// replayed is how many entries are replayed: at 4 KiB for each, their results are
// more than any message may have. PONTOON_REPLAY makes it another number than
// usual.
func replayed(t *testing.T, usual int) int {
	text := os.Getenv("PONTOON_REPLAY")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Results of a few KiB are fine while clients wait, and do not stand in the way
// of a replay: of the whole log after kill -9 of the host, and again after that of the
// plugin. That holds for a plugin that sends the results all the same.
func TestResultsDoNotStopAReplay(t *testing.T) {
	for name, c := range map[string]struct {
		lane    machineLane
		entries int
	}{
		"go":                {ownMachine(chattyName), 100_000},
		"python":            {pythonMachine("--result-bytes=4096"), 15_000},
		"python, insisting": {pythonMachine("--result-bytes=4096", "--insist"), 15_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startMachine(t, c.lane, "raft.snapshot_entries=10000000", "raft.catch_up_entries=1")
			entries := replayed(t, c.entries)
			n.proposeMany(entries, func(r client.Result) error {
				if len(r.Data) != chattyBytes || r.Lost || r.Error != "" {
					return fmt.Errorf("result of %d bytes, lost: %t, error %q", len(r.Data), r.Lost, r.Error)
				}
				return nil
			})
			want := n.ask("digest")
			n.kill()
			n.startReady()
			if got := n.ask("digest"); got != want {
				t.Errorf("after the host was killed the state is %s, want %s", got, want)
			}
			before := n.plugin("statemachine")
			n.signalPlugin("statemachine", 9)
			n.awaitReplaced(before)
			if got := n.ask("digest"); got != want {
				t.Errorf("after the plugin was killed the state is %s, want %s", got, want)
			}
			if got := n.ask("count"); got != strconv.Itoa(entries) {
				t.Errorf("%s entries are applied, want %d", got, entries)
			}
			if log := n.host.Log(); strings.Contains(log, "limit exceeded") || strings.Contains(log, "broke its contract") {
				t.Errorf("an answer was refused:\n%s", n.host.LastLines(40))
			}
			n.stop()
		})
	}
}
