package quictransport

import (
	"context"
	"net"
	"testing"
	"time"
)

// dialSlack is how much earlier or later than promised a dial may end, and
// dialRounds how often a machine that is busy with other tests may be later.
const (
	dialSlack  = 200 * time.Millisecond
	dialRounds = 3
)

// blackHole is the URL of a socket that is not read.
func blackHole(t *testing.T) string {
	t.Helper()
	hole, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hole.Close() })
	return "quic://" + hole.LocalAddr().String()
}

// B8: dialling a black hole takes 2.0 s, 200 ms more or less, at an election
// timeout of a second.
func TestB8BlackHole(t *testing.T) {
	const promised = 2 * time.Second
	opts := testOptions(1, "")
	opts.Election = time.Second
	tr, _ := openWith(t, newTiming, opts, &events{})
	connect(t, tr, 2, blackHole(t))
	d := &dialler{peer: endpointOf(tr).Roster.Named()[2]}
	for round := 1; ; round++ {
		started := time.Now()
		err := d.dial(context.Background())
		took := time.Since(started)
		if err == nil || took < promised-dialSlack {
			t.Fatalf("failed after %v with %v, promised are %v", took, err, promised)
		}
		if took <= promised+dialSlack {
			return
		}
		if round == dialRounds {
			t.Fatalf("failed after %v, promised are %v", took, promised)
		}
	}
}

// B8: of two URLs the first of which is a black hole, the second is used within
// one dial timeout and 200 ms, and messages flow.
func TestB8SecondURL(t *testing.T) {
	promised := newTiming(0).Dial + dialSlack
	for round := 1; ; round++ {
		got := &events{}
		_, url := openWith(t, newTiming, testOptions(2, ""), got)
		tr, _ := openWith(t, newTiming, testOptions(1, ""), &events{})
		started := time.Now()
		connect(t, tr, 2, blackHole(t), url)
		eventually(t, "a connection", func() bool { return endpointOf(tr).Roster.Named()[2].link.Load() != nil }, nil)
		took := time.Since(started)
		establish(t, tr, got, 1, 2)
		if took <= promised {
			return
		}
		if round == dialRounds {
			t.Fatalf("the second URL was used after %v, promised are %v", took, promised)
		}
	}
}
