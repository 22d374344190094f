package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strconv"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/vfs"
)

// pinsName is the file in the data directory that holds what a host remembers
// beside its store: docs/formats/pins.md.
const (
	pinsName = "pins.json"
	pinsTemp = "pins.json.tmp"
	// maxPins bounds the file that is read.
	maxPins = 1 << 20
)

// errPins: the file of pins cannot be used.
var errPins = errors.New("pins.json is damaged: restore it, or remove this member from the cluster and add it under a new id")

// pinsFile is the form of pins on disk. Numbers are in hex.
type pinsFile struct {
	Version int `json:"version"`
	// Store is the host's own.
	Store string `json:"store,omitempty"`
	// Peers are the stores that members showed first.
	Peers map[string]string `json:"peers,omitempty"`
	// Incarnations is the highest that a life of this host may have given to an
	// Open of a plugin.
	Incarnations string `json:"incarnations,omitempty"`
	// Lost says that the store lost acknowledged data; it is refused from then on.
	Lost string `json:"lost,omitempty"`
}

// openPins reads what there is.
func openPins(fsys vfs.FS) (*pins, error) {
	p := &pins{fs: fsys, peers: map[member.ID]uint64{}, wake: make(chan struct{}, 1)}
	b, err := readSmall(fsys, pinsName, maxPins)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", pinsName, err)
	}
	return p, p.decode(b)
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
		return nil, fmt.Errorf("%w: %d bytes, limit %d", errPins, size, limit)
	}
	b = make([]byte, size)
	_, err = f.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b, err
}

func (p *pins) decode(b []byte) error {
	var f pinsFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return fmt.Errorf("%w: %w", errPins, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows its one value", errPins)
	}
	if f.Version != 1 {
		return fmt.Errorf("%w: it has version %d, this host knows 1", errPins, f.Version)
	}
	var err error
	if f.Store != "" {
		if p.store, err = strconv.ParseUint(f.Store, 16, 64); err != nil {
			return fmt.Errorf("%w: store: %w", errPins, err)
		}
	}
	if f.Incarnations != "" {
		if p.incarnations, err = strconv.ParseUint(f.Incarnations, 16, 64); err != nil {
			return fmt.Errorf("%w: incarnations: %w", errPins, err)
		}
	}
	for text, store := range f.Peers {
		id, idErr := member.ParseID(text)
		n, storeErr := strconv.ParseUint(store, 16, 64)
		if err := errors.Join(idErr, storeErr); err != nil {
			return fmt.Errorf("%w: peers: %w", errPins, err)
		}
		p.peers[id] = n
	}
	p.lost, p.noted = f.Lost, p.store
	return nil
}

// save writes everything, durably.
func (p *pins) save() error {
	p.saving.Lock()
	defer p.saving.Unlock()
	p.mu.Lock()
	f := pinsFile{Version: 1, Store: hexOrNone(p.store), Peers: map[string]string{}, Incarnations: hexOrNone(p.incarnations), Lost: p.lost}
	for id, store := range maps.All(p.peers) {
		f.Peers[id.String()] = strconv.FormatUint(store, 16)
	}
	changes, store := p.changes, p.store
	p.mu.Unlock()
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("pins: %w", err)
	}
	if err := vfs.Replace(p.fs, pinsName, pinsTemp, append(b, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", pinsName, err)
	}
	p.mu.Lock()
	p.saved, p.noted = changes, store
	p.mu.Unlock()
	return nil
}

func hexOrNone(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 16)
}
