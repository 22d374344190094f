package quictransport

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

var (
	errDamagedSnapshot = errors.New("snapshot was damaged on its way")
	errUnknownVerdict  = errors.New("verdict that this version does not know")
)

// receivedSnapshot is the snapshot as the host reads it. It ends with io.EOF
// only if size and checksum are right.
type receivedSnapshot struct {
	r    *bufio.Reader
	hash hash.Hash
	size uint64 // announced; 0 if not
	got  uint64
	left int   // of the current chunk
	end  error // how it ended
}

func newReceivedSnapshot(r *bufio.Reader) *receivedSnapshot {
	return &receivedSnapshot{r: r, hash: sha256.New()}
}

// header reads what goes before the chunks and returns the message, which must
// be a MsgSnap from and to these members.
func (b *receivedSnapshot) header(limit int, from, to uint64) ([]byte, error) {
	var head [8 + 4]byte
	if _, err := io.ReadFull(b.r, head[:]); err != nil {
		return nil, wire.Unexpected(err, 1)
	}
	b.size = binary.BigEndian.Uint64(head[:])
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
	b.got += uint64(n)
	b.hash.Write(p[:n])
	if err != nil {
		b.end = fmt.Errorf("%w: %w", errDamagedSnapshot, wire.Unexpected(err, 1))
	} else if b.size > 0 && b.got > b.size {
		b.end = fmt.Errorf("%w: more than %d bytes", errDamagedSnapshot, b.size)
	}
	return n, b.end
}

// next begins the next chunk, or says how the snapshot ends: with io.EOF if
// all is well.
func (b *receivedSnapshot) next() error {
	var head [4]byte
	if _, err := io.ReadFull(b.r, head[:]); err != nil {
		return fmt.Errorf("%w: %w", errDamagedSnapshot, wire.Unexpected(err, 1))
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > chunkBytes {
		return fmt.Errorf("%w: chunk of %d bytes: %w", errDamagedSnapshot, n, plugins.ErrLimit)
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
		return fmt.Errorf("%w: %w", errDamagedSnapshot, wire.Unexpected(err, 1))
	}
	if b.size > 0 && b.got != b.size {
		return fmt.Errorf("%w: %d bytes of %d", errDamagedSnapshot, b.got, b.size)
	}
	if !bytes.Equal(sum[:], b.hash.Sum(nil)) {
		return fmt.Errorf("%w: checksum", errDamagedSnapshot)
	}
	if _, err := b.r.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: goes on after its checksum: %w", errDamagedSnapshot, err)
	}
	return io.EOF
}

// finish makes sure that a snapshot which the host has accepted had ended
// well, even if the host did not read its very end.
func (b *receivedSnapshot) finish() error {
	var probe [1]byte
	n, err := b.Read(probe[:])
	if n > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: accepted before its end: %w", errDamagedSnapshot, err)
	}
	return nil
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
