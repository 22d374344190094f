package datadir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/memberform"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// PinsName is the file in the data directory that holds what a host remembers
// beside its store: docs/formats/pins.md.
const (
	PinsName = "pins.json"
	pinsTemp = "pins.json.tmp"
	// maxPins bounds the file that is read.
	maxPins = 1 << 20
)

// ErrPins: the file of pins cannot be used: it is too large, damaged, of a
// version that this host does not know, or its numbers are used up. A host
// does not start with it.
var ErrPins = errors.New("pins.json is damaged: restore it, or remove this member from the cluster and add it under a new id")

// Pins are what a host remembers of stores. The zero Pins remember nothing.
type Pins struct {
	// Store is the host's own; 0 if it has not had one yet.
	Store uint64
	// Peers are the stores that members showed first.
	Peers map[member.ID]uint64
	// Incarnations is the highest that a life of this host may have given to an
	// Open of a plugin.
	Incarnations uint64
	// Founding is the hash of the list of founders that the own log began with, until
	// the log itself has it for good; 0 if this host founded no cluster.
	Founding uint64
	// Lost says that the store lost acknowledged data; it is refused from then on.
	Lost string
	// PartedAt is the index of a check of the state at which the state machine had another state
	// than a majority of the voters, and Parted says how it differed; 0 if it has not, or was
	// rebuilt.
	PartedAt uint64
	Parted   string
	// Storage is the backend that the store was moved to last; empty if it never was.
	Storage string
	// Move is the move of the store that is under way; nil if none is.
	Move *Move
}

// pinsFile is the form of Pins on disk. Numbers are in hex.
type pinsFile struct {
	Version      int               `json:"version"`
	Store        string            `json:"store,omitempty"`
	Peers        map[string]string `json:"peers,omitempty"`
	Incarnations string            `json:"incarnations,omitempty"`
	Founding     string            `json:"founding,omitempty"`
	Lost         string            `json:"lost,omitempty"`
	PartedAt     string            `json:"parted_at,omitempty"`
	Parted       string            `json:"parted,omitempty"`
	Storage      string            `json:"storage,omitempty"`
	Move         *Move             `json:"move,omitempty"`
}

// ReadPins reads what there is; the zero Pins if there is no file.
func ReadPins(fsys vfs.FS) (Pins, error) {
	b, err := readSmall(fsys, PinsName, maxPins)
	if errors.Is(err, fs.ErrNotExist) {
		return Pins{}, nil
	}
	if err != nil {
		return Pins{}, fmt.Errorf("read %s: %w", PinsName, err)
	}
	return decodePins(b)
}

func readSmall(fsys vfs.FS, name string, limit int64) (b []byte, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	switch {
	case err != nil:
		return nil, err
	case size > limit:
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrPins, size, limit)
	}
	b = make([]byte, size)
	_, err = f.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b, err
}

func decodePins(b []byte) (Pins, error) {
	var f pinsFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Pins{}, fmt.Errorf("%w: %w", ErrPins, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Pins{}, fmt.Errorf("%w: something follows its one value", ErrPins)
	}
	if f.Version != 1 {
		return Pins{}, fmt.Errorf("%w: it has version %d, this host knows 1", ErrPins, f.Version)
	}
	p := Pins{Peers: map[member.ID]uint64{}, Lost: f.Lost, Parted: f.Parted, Storage: f.Storage, Move: f.Move}
	if f.Storage != "" && memberform.CheckName(f.Storage) != nil {
		return Pins{}, fmt.Errorf("%w: storage: %q names no backend", ErrPins, f.Storage)
	}
	err := f.Move.Check()
	if err != nil {
		return Pins{}, fmt.Errorf("%w: move: %w", ErrPins, err)
	}
	if p.Store, err = numberOrNone(f.Store); err != nil {
		return Pins{}, fmt.Errorf("%w: store: %w", ErrPins, err)
	}
	if p.Incarnations, err = numberOrNone(f.Incarnations); err != nil {
		return Pins{}, fmt.Errorf("%w: incarnations: %w", ErrPins, err)
	}
	if p.Founding, err = numberOrNone(f.Founding); err != nil {
		return Pins{}, fmt.Errorf("%w: founding: %w", ErrPins, err)
	}
	if p.PartedAt, err = numberOrNone(f.PartedAt); err != nil {
		return Pins{}, fmt.Errorf("%w: parted_at: %w", ErrPins, err)
	}
	for text, store := range f.Peers {
		id, idErr := member.ParseID(text)
		n, storeErr := strconv.ParseUint(store, 16, 64)
		if err := errors.Join(idErr, storeErr); err != nil {
			return Pins{}, fmt.Errorf("%w: peers: %w", ErrPins, err)
		}
		p.Peers[id] = n
	}
	return p, nil
}

// Write writes everything, durably.
func (p *Pins) Write(fsys vfs.FS) error {
	f := pinsFile{
		Version: 1, Store: hexOrNone(p.Store), Peers: map[string]string{}, Incarnations: hexOrNone(p.Incarnations),
		Founding: hexOrNone(p.Founding), Lost: p.Lost,
		PartedAt: hexOrNone(p.PartedAt), Parted: p.Parted, Storage: p.Storage, Move: p.Move,
	}
	for id, store := range p.Peers {
		f.Peers[id.String()] = strconv.FormatUint(store, 16)
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("pins: %w", err)
	}
	if err := vfs.Replace(fsys, PinsName, pinsTemp, append(b, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", PinsName, err)
	}
	return nil
}

func hexOrNone(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 16)
}

func numberOrNone(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	return strconv.ParseUint(text, 16, 64)
}

// LossOf is why a host does not start on a store; empty if it does.
func (p *Pins) LossOf(store uint64) string {
	if p.Store != 0 && p.Store != store {
		return fmt.Sprintf("the store was %x and is %x now: its directory was emptied or replaced", p.Store, store)
	}
	return p.Lost
}
