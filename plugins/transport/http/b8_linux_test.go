package httptransport

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// blackHole is an address that swallows connection attempts: a listener that
// accepts nothing and whose queue is full.
func blackHole(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	for range 16 {
		c, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address // full
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Skip("the kernel has room for more connections than this test makes")
	return ""
}

// B8: dialling a black hole takes a dial timeout and no more: neither the
// kernel's minutes nor a constant.
func TestB8BlackHole(t *testing.T) {
	address := blackHole(t)
	started := time.Now()
	timing := newTiming(time.Second)
	_, err := newClient(timing, security{}, 2, 0, 0).DialContext(context.Background(), "tcp", address)
	if took := time.Since(started); err == nil || took < timing.dial-50*time.Millisecond || took > timing.dial+3*time.Second {
		t.Errorf("failed after %v with %v, want about %v", took, err, timing.dial)
	}
}

// B8: of two URLs the first of which is a black hole, the second is used.
func TestB8SecondURL(t *testing.T) {
	receiver := newEvents()
	two, urlTwo := openNode(t, 2, "", receiver)
	one, urlOne := openNode(t, 1, "", newEvents())
	err := one.SetPeers(context.Background(), transport.PeerSet{
		Peers: []transport.Peer{{Id: 2, Urls: []string{"http://" + blackHole(t), urlTwo}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	connect(t, two, 1, urlOne)
	started := time.Now()
	waitWriter(t, two, 1, messageStream) // node 1 has dialled node 2
	t.Logf("the second URL was used after %v", time.Since(started))
	// More than one: on a busy machine the connection may break under the first.
	m := encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: 1, To: 2, Term: 1})
	for end := time.Now().Add(20 * time.Second); len(receiver.arrived) == 0; {
		if time.Now().After(end) {
			t.Fatal("nothing arrives")
		}
		if err := one.Send(context.Background(), []transport.Envelope{{Group: 1, To: 2, From: 1, Payload: m}}); err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Millisecond)
	}
}
