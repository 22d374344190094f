package catalog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/pontoon-raft/pontoon/internal/ownership"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// CheckAddress says why a plugin that was started elsewhere cannot have this address; nil
// if it can.
func CheckAddress(address string) error {
	_, err := attachPath(address)
	return err
}

// attachPath is the path in the address of a plugin that was started elsewhere.
func attachPath(address string) (string, error) {
	path, ok := strings.CutPrefix(address, pluginrpc.AttachScheme)
	switch {
	case !ok || !filepath.IsAbs(path):
		return "", fmt.Errorf("address %s is not %s and an absolute path", quote(address), pluginrpc.AttachScheme)
	case strings.ContainsRune(path, 0):
		return "", errors.New("its address contains a NUL byte")
	case len(path) > maxAttachPath():
		return "", fmt.Errorf("address %s has a path of %d bytes, and may have %d, so that the path of a host's socket beside it, which is a little longer, is one", quote(address), len(path), maxAttachPath())
	}
	return filepath.Clean(path), nil
}

// maxAttachPath leaves the name of a host's socket, which is that of the address and a number, a
// few bytes more.
func maxAttachPath() int { return maxSocketPath() - len(".1234567890") }

// detached is why an attachment ended that this host did not end.
const detached = "its connection has ended: it was stopped where it was started, or has crashed"

// An attachment is the connection to a plugin that was started elsewhere, in the place of
// its process: the end of one is that of the other. The plugin itself goes on, and no
// signal is ever sent to it.
type attachment struct {
	path string
	// ended is closed at the end.
	ended chan struct{}

	mu   sync.Mutex
	conn *net.UnixConn
	over bool
	// asked: this host has said that it is going.
	asked  bool
	reason string // the first one counts
	peer   int
}

func newAttachment(path string) *attachment {
	return &attachment{path: path, ended: make(chan struct{})}
}

// begin implements occupant.
func (a *attachment) begin(ctx context.Context) (line, dir string, err error) {
	dir = filepath.Dir(a.path)
	if err := checkPrivate(a.path); err != nil {
		return "", dir, err
	}
	dialled, err := new(net.Dialer).DialContext(ctx, "unix", a.path)
	if err != nil {
		return "", dir, attachError(err)
	}
	conn := dialled.(*net.UnixConn)
	if !a.connected(conn) {
		_ = conn.Close()
		return "", dir, errors.New(a.exit().Reason)
	}
	if err := pluginrpc.WriteAttachGreeting(conn); err != nil {
		a.kill("does not take the host's greeting")
		return "", dir, err
	}
	in := bufio.NewReaderSize(conn, maxHandshakeBytes)
	read, err := in.ReadSlice('\n')
	line = string(read)
	if err != nil {
		a.kill(detached)
		return "", dir, errors.New("the plugin does not answer as one: " + err.Error())
	}
	if why, refused := strings.CutPrefix(line, pluginrpc.AttachRefusal); refused {
		a.kill("refused the host")
		return "", dir, fmt.Errorf("the plugin refuses this host: %s", quote(strings.TrimSpace(why)))
	}
	go a.await(in)
	return inDir(line, dir), dir, nil
}

// inDir puts the socket of a handshake line into the directory of the plugin's address:
// a plugin in a container may know that by another path.
func inDir(line, dir string) string {
	fields := strings.Split(line, "|")
	if len(fields) > 3 && fields[3] != "" {
		fields[3] = filepath.Join(dir, filepath.Base(fields[3]))
	}
	return strings.Join(fields, "|")
}

// attachError says why no plugin could be reached.
func attachError(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return errors.New("no plugin listens there: start it with the argument attach and this path")
	}
	return err
}

// checkPrivate wants a socket of this user's, in a directory that no other user may enter:
// what listens there was put there by this user.
func checkPrivate(path string) error {
	if err := ownership.CheckPrivate(filepath.Dir(path)); err != nil {
		return attachError(err)
	}
	socket, err := os.Lstat(path)
	if err != nil {
		return attachError(err)
	}
	if socket.Mode().Type() != fs.ModeSocket {
		return errors.New("the path of its address is not a socket")
	}
	if !ownership.Ours(socket) {
		return errors.New("the socket of its address belongs to another user")
	}
	return nil
}

// connected notes the connection, unless the attachment has ended meanwhile.
func (a *attachment) connected(conn *net.UnixConn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return false
	}
	a.conn, a.peer = conn, peerPID(conn)
	return true
}

// await waits for the end of the connection. A plugin writes nothing after its line.
func (a *attachment) await(in io.Reader) {
	reason := detached
	if n, _ := in.Read(make([]byte, 1)); n > 0 {
		reason = "wrote something after its handshake"
	}
	a.finish(reason)
}

// finish ends the attachment. The reason does not count if this host has said that it is going.
func (a *attachment) finish(reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return
	}
	a.over = true
	if !a.asked || reason != detached {
		a.reason = reason
	}
	if a.conn != nil {
		_ = a.conn.Close()
	}
	close(a.ended)
}

// kill implements occupant: it hangs up.
func (a *attachment) kill(reason string) { a.finish(reason) }

// dump implements occupant. Stacks are for those who have started the plugin to ask for.
func (a *attachment) dump(reason string) { a.finish(reason) }

// cutLifeline implements occupant: it says that this host is going, upon which the plugin hangs up.
func (a *attachment) cutLifeline() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn != nil && !a.over {
		a.asked = true
		_ = a.conn.CloseWrite()
	}
}

func (a *attachment) isEnding() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.over
}

// pid implements occupant: the plugin's, if the system tells; else 0.
func (a *attachment) pid() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.peer
}

func (a *attachment) exit() ExitError {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := ExitError{Reason: a.reason, PID: a.peer}
	if e.Reason != "" {
		e.Code = -1
	}
	return e
}
