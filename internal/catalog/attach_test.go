//go:build linux

package catalog_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
)

// elsewhere is a private directory, and the path of a socket in it.
func elsewhere(t *testing.T) (dir, socket string) {
	t.Helper()
	parent, err := os.MkdirTemp(shortdir.Parent(), "at")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	dir = filepath.Join(parent, "own")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, "s")
}

// listening answers each host with a line, and keeps its connection if hold is set.
func listening(t *testing.T, socket, line string, hold bool) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			for text := ""; text != "\n"; {
				if text, err = in.ReadString('\n'); err != nil {
					break
				}
			}
			_, _ = fmt.Fprint(conn, line)
			if hold {
				_, _ = in.ReadByte()
			}
			_ = conn.Close()
		}
	}()
}

// What cannot be attached to is waited for, and the status says why.
func TestAHostWaitsForWhatItCannotAttachTo(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir, socket string)
		says string
	}{
		{"nothing", func(*testing.T, string, string) {}, "no plugin listens there: start it with the argument attach"},
		{"nothing any more", func(t *testing.T, _, socket string) {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			_ = l.Close()
		}, "no plugin listens there"},
		{"a file", func(t *testing.T, _, socket string) {
			if err := os.WriteFile(socket, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is not a socket"},
		{"a directory that others may enter", func(t *testing.T, dir, socket string) {
			listening(t, socket, "", false)
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}, "must belong to this user alone"},
		{"no answer", func(t *testing.T, _, socket string) { listening(t, socket, "", false) }, "does not answer as one"},
		{"an endless line", func(t *testing.T, _, socket string) {
			listening(t, socket, strings.Repeat("x", 1<<16), true)
		}, "does not answer as one"},
		{"another program", func(t *testing.T, _, socket string) {
			listening(t, socket, "220 mail ready\n", true)
		}, "instead of a handshake"},
		{"a refusal", func(t *testing.T, _, socket string) {
			listening(t, socket, "-|another host is attached to it\n", true)
		}, `refuses this host: "another host is attached to it"`},
		{"another protocol", func(t *testing.T, _, socket string) {
			listening(t, socket, "1|7|unix|/s|grpc|\n", true)
		}, "protocol version 7"},
		{"a socket elsewhere", func(t *testing.T, _, socket string) {
			listening(t, socket, "1|1|unix|/var/run/other|grpc|\n", true)
		}, "own/other"}, // the name alone counts
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, socket := elsewhere(t)
			c.make(t, dir, socket)
			cat := newCatalog(t, nil)
			slot, err := cat.Slot(catalog.Spec{Kind: plugins.StateMachine, Address: "unix://" + socket})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				if in, err := slot.Start(ctx); err == nil {
					t.Errorf("attached to %v", in.Info())
					in.Kill()
				}
			}()
			eventually(t, "the status says why it waits", func() bool {
				st := slot.Status()
				return st.State == catalog.Waiting && st.Attached && strings.Contains(st.LastError, c.says)
			})
			cancel()
			await(t, "the end of the wait", ended)
		})
	}
}

// Everything else that a Spec may have is for plugins that the host starts.
func TestAnAddressStandsAlone(t *testing.T) {
	c := newCatalog(t, nil)
	const good = "unix:///tmp/x/s"
	for _, spec := range []catalog.Spec{
		{Address: "tcp://127.0.0.1:1"},
		{Address: "/tmp/x/s"},
		{Address: "unix://x/s"},
		{Address: "unix:///" + strings.Repeat("x", 200)},
		{Address: "unix:///" + strings.Repeat("x", 104)}, // the number of a host makes it too long for a socket
		{Address: good, Command: []string{"/bin/true"}},
		{Address: good, SHA256: strings.Repeat("0", 64)},
		{Address: good, Isolation: catalog.Inproc},
		{Address: good, Env: []string{"A=b"}},
	} {
		spec.Kind = plugins.StateMachine
		if _, err := c.Slot(spec); err == nil {
			t.Errorf("%+v was taken", spec)
		}
	}
}
