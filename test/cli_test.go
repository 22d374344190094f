//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// The shape of "status -o json": these keys and no others.
type statusJSON struct {
	ClusterID string   `json:"cluster_id"`
	Leader    string   `json:"leader"`
	Term      uint64   `json:"term"`
	Verdict   string   `json:"verdict"`
	Reasons   []string `json:"reasons"`
	Tolerance struct {
		Voters   int `json:"voters"`
		Quorum   int `json:"quorum"`
		Sound    int `json:"sound"`
		Failures int `json:"failures"`
	} `json:"tolerance"`
	Members []statusMemberJSON `json:"members"`
}

type statusMemberJSON struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Role          string `json:"role"`
	Leader        string `json:"leader"`
	Promote       bool   `json:"promote"`
	Voter         bool   `json:"voter"`
	Version       string `json:"version"`
	Term          uint64 `json:"term"`
	Commit        uint64 `json:"commit"`
	Applied       uint64 `json:"applied"`
	FirstIndex    uint64 `json:"first_index"`
	LastIndex     uint64 `json:"last_index"`
	SnapshotIndex uint64 `json:"snapshot_index"`
	Reachable     bool   `json:"reachable"`
	Error         string `json:"error"`
	Plugins       []struct {
		Kind     string `json:"kind"`
		Name     string `json:"name"`
		Version  string `json:"version"`
		PID      int    `json:"pid"`
		State    string `json:"state"`
		Attached bool   `json:"attached"`
		Restarts int    `json:"restarts"`
		Warning  string `json:"warning"`
		LastErr  string `json:"last_error"`
		Work     *struct {
			What     string `json:"what"`
			Progress uint64 `json:"progress"`
			ForMs    uint64 `json:"for_ms"`
			StillMs  uint64 `json:"still_ms"`
		} `json:"work"`
		Record *struct {
			Path    string `json:"path"`
			Bytes   uint64 `json:"bytes"`
			Gaps    uint64 `json:"gaps"`
			Failure string `json:"failure"`
		} `json:"record"`
		Generation int    `json:"generation"`
		LastExit   string `json:"last_exit"`
	} `json:"plugins"`
	Links []struct {
		ID        string   `json:"id"`
		Transport string   `json:"transport"`
		Active    bool     `json:"active"`
		Usable    []string `json:"usable"`
		Error     string   `json:"error"`
	} `json:"links"`
	Progress []struct {
		ID            string  `json:"id"`
		State         string  `json:"state"`
		Match         uint64  `json:"match"`
		LagEntries    *uint64 `json:"lag_entries"`
		LagBytes      *uint64 `json:"lag_bytes"`
		InFlightBytes uint64  `json:"in_flight_bytes"`
		LastContactMs uint64  `json:"last_contact_ms"`
		StalledMs     uint64  `json:"stalled_ms"`
		Why           string  `json:"why"`
	} `json:"progress"`
	Warnings []struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"warnings"`
	UncommittedMs   uint64 `json:"uncommitted_ms"`
	TickAgeMs       uint64 `json:"tick_age_ms"`
	Level           uint64 `json:"level"`
	LevelUnderstood uint64 `json:"level_understood"`
	CommandVersion  uint32 `json:"command_version"`
	CommandVersions *struct {
		Least    uint32 `json:"least"`
		Greatest uint32 `json:"greatest"`
	} `json:"command_versions"`
	Durable    *uint64 `json:"durable"`
	Quarantine *struct {
		Index     uint64 `json:"index"`
		Term      uint64 `json:"term"`
		Bytes     uint64 `json:"bytes"`
		SHA256    string `json:"sha256"`
		Tries     int    `json:"tries"`
		LastWords string `json:"last_words"`
		SinceMs   uint64 `json:"since_ms"`
		RetryMs   uint64 `json:"retry_ms"`
		Parted    bool   `json:"parted"`
	} `json:"quarantine"`
	StorageMove *struct {
		From         string `json:"from"`
		To           string `json:"to"`
		Phase        string `json:"phase"`
		Entries      uint64 `json:"entries"`
		EntriesTotal uint64 `json:"entries_total"`
		Bytes        uint64 `json:"bytes"`
		ForMs        uint64 `json:"for_ms"`
		Left         string `json:"left"`
		Error        string `json:"error"`
	} `json:"storage_move"`
}

// And that of "bench propose -o json".
type benchJSON struct {
	Clients      int     `json:"clients"`
	Size         int     `json:"size"`
	Seconds      float64 `json:"seconds"`
	Ops          uint64  `json:"ops"`
	OpsPerSecond float64 `json:"ops_per_second"`
	P50          float64 `json:"p50_ms"`
	P99          float64 `json:"p99_ms"`
	Errors       uint64  `json:"errors"`
}

// command runs a client command, which has to succeed and to be silent on
// standard error, and returns what it printed.
func (c *cluster) command(args ...string) string {
	c.t.Helper()
	cmd := hostCommand(c.t, append(args, "--endpoints", c.endpoints())...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		c.t.Fatalf("host %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.String()
}

// decode reads JSON that has every key of v, once, and no other.
func decode(t testing.TB, text string, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil || d.More() {
		t.Fatalf("%v in:\n%s", err, text)
	}
	again, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := keysOf(text), keysOf(string(again)); got != want {
		t.Fatalf("has the keys %s, not %s", got, want)
	}
}

// keysOf lists the keys of a JSON text in their order.
func keysOf(text string) string {
	return fmt.Sprint(regexp.MustCompile(`"[a-z0-9_]+" ?:`).FindAllString(strings.ReplaceAll(text, `" :`, `":`), -1))
}
