package quictransport

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/seal"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

var errUnknownVerdict = errors.New("verdict that this version does not know")

// receivedSnapshot is the snapshot as the host reads it. It ends with io.EOF
// only if size and checksum are right.
type receivedSnapshot struct {
	r     *bufio.Reader
	size  uint64      // announced; 0 if not
	check *seal.Check // once the size is known
	left  int         // of the current chunk
	end   error       // how it ended
}

// header reads what goes before the chunks and returns the message, which must
// be a MsgSnap from and to these members.
func (b *receivedSnapshot) header(limit int, from, to uint64) ([]byte, error) {
	var head [8 + 4]byte
	if _, err := io.ReadFull(b.r, head[:]); err != nil {
		return nil, wire.Unexpected(err, 1)
	}
	b.size = binary.BigEndian.Uint64(head[:])
	b.check = seal.NewCheck(b.size)
	n := binary.BigEndian.Uint32(head[8:])
	if uint64(n) > uint64(limit) {
		return nil, fmt.Errorf("message of %d bytes, limit %d: %w", n, limit, plugins.ErrLimit)
	}
	message, err := wire.ReadBytes(b.r, nil, int(n))
	if err != nil {
		return nil, err
	}
	s, err := raftmsg.Scan(message)
	switch {
	case err != nil:
		return nil, err
	case s.Kind != raftmsg.TypeSnap:
		return nil, fmt.Errorf("%w: type %d is not a snapshot", raftmsg.ErrMalformed, s.Kind)
	}
	return message, raftmsg.Link{From: from, To: to}.Check(&s)
}

// Read implements io.Reader.
func (b *receivedSnapshot) Read(p []byte) (int, error) {
	if b.end != nil || len(p) == 0 {
		return 0, b.end
	}
	if b.left == 0 {
		if b.end = b.next(); b.end != nil {
			return 0, b.end
		}
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if b.end = b.check.Took(p[:n]); err != nil {
		b.end = fmt.Errorf("%w: %w", seal.ErrDamaged, wire.Unexpected(err, 1))
	}
	return n, b.end
}

// next begins the next chunk, or says how the snapshot ends: with io.EOF if
// all is well.
func (b *receivedSnapshot) next() error {
	var head [4]byte
	if _, err := io.ReadFull(b.r, head[:]); err != nil {
		return fmt.Errorf("%w: %w", seal.ErrDamaged, wire.Unexpected(err, 1))
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > chunkBytes {
		return fmt.Errorf("%w: chunk of %d bytes: %w", seal.ErrDamaged, n, plugins.ErrLimit)
	}
	b.left = int(n)
	if n == 0 {
		return b.verify()
	}
	return nil
}

// verify reads the checksum and makes sure that nothing comes after it.
func (b *receivedSnapshot) verify() error {
	var sum [sha256.Size]byte
	if _, err := io.ReadFull(b.r, sum[:]); err != nil {
		return fmt.Errorf("%w: %w", seal.ErrDamaged, wire.Unexpected(err, 1))
	}
	end := b.check.EndWith(hex.EncodeToString(sum[:]))
	if !errors.Is(end, io.EOF) {
		return end
	}
	if _, err := b.r.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: goes on after its checksum: %w", seal.ErrDamaged, err)
	}
	return end
}

// Codes of verdicts.
const (
	verdictAccepted = 0
	verdictRefused  = 1
	verdictLater    = 2
)

// A verdict is the answer to a snapshot.
type verdict struct {
	code byte
	text string
}

func (v verdict) encode() []byte { return appendText([]byte{v.code}, v.text) }

func readVerdict(r io.Reader) (verdict, error) {
	var head [1 + 2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return verdict{}, wire.Unexpected(err, 1)
	}
	n := int(binary.BigEndian.Uint16(head[1:]))
	text, err := wire.ReadBytes(r, nil, n)
	return verdict{code: head[0], text: string(text)}, err
}

func (v verdict) err() error {
	switch v.code {
	case verdictAccepted:
		return nil
	case verdictRefused:
		return fmt.Errorf("%w: %q", transport.ErrSnapshotRefused, v.text)
	case verdictLater:
		return fmt.Errorf("%w: %q", transport.ErrUnreachable, v.text)
	}
	return fmt.Errorf("%w: %w: %d: %q", transport.ErrUnreachable, errUnknownVerdict, v.code, v.text)
}
