//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// A thousand connections to the leader's port for members that say nothing, or
// no more than the beginning of a request, are closed within 10 s and cost the
// transport less than 32 MiB, while the cluster goes on. The latencies of
// commits before and meanwhile are logged.
func TestSilentConnectionsCostLittle(t *testing.T) {
	const silent, within, most = 1000, 10 * time.Second, 32 << 20
	c := startCluster(t)
	leader := c.leader()
	before := c.latency()
	transport := leader.watchMemory("transport")[1]

	var waiting sync.WaitGroup
	for i := range silent {
		// From several addresses: of one alone it takes no more than 256.
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%8))}, Timeout: within}
		conn, err := dialer.Dial("tcp", leader.peer)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
			t.Fatal(err)
		}
		waiting.Go(func() {
			defer conn.Close()
			if i%2 == 0 {
				_, _ = fmt.Fprint(conn, "GET /raft/stream/message/2 HTTP/1.1\r\nHost: x\r\nX-Slow: ")
			}
			for {
				_, err := conn.Read(make([]byte, 1024)) // an error answer may come first
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("connection %d is open after %v", i, within)
				}
				if err != nil {
					return
				}
			}
		})
	}
	meanwhile := c.latency()
	waiting.Wait()
	if grown := transport.Growth(); grown > most {
		t.Errorf("the transport grew by %d MiB", grown>>20)
	} else {
		t.Logf("the transport grew by %d MiB", grown>>20)
	}
	t.Logf("commits before: %.0f/s, p99 %.1f ms; meanwhile: %.0f/s, p99 %.1f ms",
		before.OpsPerSecond, before.P99, meanwhile.OpsPerSecond, meanwhile.P99)
	if meanwhile.Errors > 0 {
		t.Errorf("%d commits failed", meanwhile.Errors)
	}
	c.stop()
}

// latency commits small values for a while.
func (c *cluster) latency() benchJSON {
	var b benchJSON
	decode(c.t, c.command("bench", "propose", "--clients", "16", "--size", "256", "--duration", "3s", "--warmup", "500ms", "-o", "json"), &b)
	return b
}
