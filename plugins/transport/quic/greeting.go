package quictransport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// Versions of the protocol that this backend speaks.
const (
	protocolVersion uint16 = 1
	oldestVersion   uint16 = 1
)

const (
	// maxGreeting bounds a Hello and an Answer.
	maxGreeting = 8 << 10
	// maxURLs bounds what a Hello may say of its sender.
	maxURLs = 8
	// maxText bounds texts for people.
	maxText = 1 << 10
)

// A hello is what a dialler says first.
type hello struct {
	version, oldest        uint16
	cluster, from, to, run uint64
	insist                 bool
	urls                   []string
	greeting               transport.Greeting
	expected               uint64 // the store that the accepter must have; 0: any
}

// A code says what an accepter makes of a hello.
type code byte

const (
	codeWelcome code = iota
	codeRemoved
	codeNotForMe
	codeOtherCluster
	codeIncompatible
	codeConnected
	codeRefused
	codeMismatch
	codeNotReady
)

// An answer is what an accepter says to a hello.
type answer struct {
	code               code
	version            uint16
	cluster, from, run uint64
	index, term        uint64 // of codeRemoved
	text               string
	greeting           transport.Greeting
	misfit             misfit // of codeMismatch
	known              uint64 // of codeMismatch: the dialler's store, as the accepter knows it
}

const flagInsist = 1

// encode leaves out URLs that do not fit.
func (h hello) encode() []byte {
	b := binary.BigEndian.AppendUint16(nil, h.version)
	b = binary.BigEndian.AppendUint16(b, h.oldest)
	for _, n := range []uint64{h.cluster, h.from, h.to, h.run} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	flags := byte(0)
	if h.insist {
		flags |= flagInsist
	}
	b = append(b, flags, 0)
	count := len(b) - 1
	for _, u := range h.urls {
		if b[count] < maxURLs && len(b)+2+len(u)+greetingBytes+8+votersBytes <= maxGreeting {
			b[count]++
			b = binary.BigEndian.AppendUint16(b, uint16(len(u)))
			b = append(b, u...)
		}
	}
	b = binary.BigEndian.AppendUint64(appendGreeting(b, h.greeting), h.expected)
	return binary.BigEndian.AppendUint64(b, h.greeting.Voters)
}

// decodeHello ignores what a newer version has added at the end. A field that
// an older one does not have is 0.
func decodeHello(b []byte) (hello, error) {
	f := fields{rest: b}
	h := hello{version: f.uint16(), oldest: f.uint16()}
	h.cluster, h.from, h.to, h.run = f.uint64(), f.uint64(), f.uint64(), f.uint64()
	h.insist = f.byte()&flagInsist != 0
	count := f.byte()
	if count > maxURLs {
		return h, fmt.Errorf("hello with %d URLs: %w", count, plugins.ErrLimit)
	}
	for range count {
		h.urls = append(h.urls, f.text())
	}
	if len(f.rest) > 0 {
		h.greeting, h.expected = f.greeting(), f.uint64()
	}
	if len(f.rest) > 0 {
		h.greeting.Voters = f.uint64()
	}
	return h, f.err("hello")
}

func (a answer) encode() []byte {
	b := []byte{byte(a.code)}
	b = binary.BigEndian.AppendUint16(b, a.version)
	for _, n := range []uint64{a.cluster, a.from, a.run, a.index, a.term} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = append(appendGreeting(appendText(b, a.text), a.greeting), byte(a.misfit))
	b = binary.BigEndian.AppendUint64(b, a.known)
	return binary.BigEndian.AppendUint64(b, a.greeting.Voters)
}

func decodeAnswer(b []byte) (answer, error) {
	f := fields{rest: b}
	a := answer{code: code(f.byte()), version: f.uint16()}
	a.cluster, a.from, a.run, a.index, a.term = f.uint64(), f.uint64(), f.uint64(), f.uint64(), f.uint64()
	a.text = f.text()
	if len(f.rest) > 0 {
		a.greeting, a.misfit, a.known = f.greeting(), misfit(f.byte()), f.uint64()
	}
	if len(f.rest) > 0 {
		a.greeting.Voters = f.uint64()
	}
	return a, f.err("answer")
}

// appendText cuts what is too long.
func appendText(b []byte, text string) []byte {
	text = text[:min(len(text), maxText)]
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...)
}

// writeGreeting writes a Hello or an Answer.
func writeGreeting(w io.Writer, prefix, body []byte) error {
	b := binary.BigEndian.AppendUint32(prefix, uint32(len(body)))
	_, err := w.Write(append(b, body...))
	return err
}

// readGreeting reads a Hello or an Answer.
func readGreeting(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxGreeting {
		return nil, fmt.Errorf("greeting of %d bytes, limit %d: %w", n, maxGreeting, plugins.ErrLimit)
	}
	return wire.ReadBytes(r, nil, int(n))
}

var errShort = errors.New("ends too early")

// fields takes numbers and texts off a slice. After one that was not there,
// all are zero, and err says so.
type fields struct {
	rest  []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if f.short || len(f.rest) < n {
		f.short, f.rest = true, nil
		return make([]byte, min(n, 8))
	}
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) byte() byte     { return f.take(1)[0] }
func (f *fields) uint16() uint16 { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) uint64() uint64 { return binary.BigEndian.Uint64(f.take(8)) }

func (f *fields) text() string {
	n := int(f.uint16())
	if f.short || n > len(f.rest) {
		f.short = true
		return ""
	}
	return string(f.take(n))
}

func (f *fields) err(what string) error {
	if f.short {
		return fmt.Errorf("%s %w", what, errShort)
	}
	return nil
}

// Answers other than a welcome.
var (
	errNotForMe       = errors.New("another member was called")
	errOtherCluster   = errors.New("member of another cluster")
	errIncompatible   = errors.New("incompatible version")
	errConnected      = errors.New("connected already")
	errRefused        = errors.New("refused")
	errUnknownAnswer  = errors.New("answer that this version does not know")
	errAnotherMember  = errors.New("another member answers")
	errGreetingNeeded = errors.New("first stream is no greeting")
)

// err turns an answer to self into an error; nil is a welcome.
func (a answer) err(self uint64) error {
	known := map[code]error{
		codeNotForMe: errNotForMe, codeOtherCluster: errOtherCluster, codeIncompatible: errIncompatible,
		codeConnected: errConnected, codeRefused: errRefused, codeMismatch: greetings.ErrMismatch, codeNotReady: greetings.ErrNotReady,
	}
	switch {
	case a.code == codeWelcome:
		return nil
	case a.code == codeRemoved:
		return &greetings.RemovedError{Proof: transport.RemovedMember{Id: self, Index: a.index, Term: a.term}}
	case known[a.code] != nil:
		return fmt.Errorf("%w: %q", known[a.code], a.text)
	}
	return fmt.Errorf("%w: %d: %q", errUnknownAnswer, a.code, a.text)
}
