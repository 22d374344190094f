package server

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// SnapshotHeader is what the host itself puts before the state machine's bytes
// in every snapshot (docs/formats/snapshot-stream.md).
type SnapshotHeader struct {
	Version      int              `json:"version"`
	ClusterID    uint64           `json:"cluster_id"`
	Index        uint64           `json:"index"`
	Term         uint64           `json:"term"`
	StateMachine string           `json:"state_machine"`
	Registry     *member.Registry `json:"registry"`
	// Time is that of the last entry; 0 while no entry has a stamp.
	Time uint64 `json:"time,omitempty"`
	// Format is that of the state machine's bytes; 0 if it has no number. Clusters below
	// member.CommandVersionLevel have none.
	Format uint32 `json:"format,omitempty"`
}

const (
	snapshotVersion   = 1 // of clusters at level 0
	levelledVersion   = 2 // of clusters at a level: builds before levels refuse it
	maxSnapshotHeader = 4 << 20
)

// Encode writes the header: its length in 4 bytes, big endian, then JSON. The
// state machine's bytes follow. The version is that for the registry, whatever h has, and
// the format is left out where builds may not know it.
func (h *SnapshotHeader) Encode(w io.Writer) error {
	out := *h
	out.Version = versionFor(h.Registry)
	if h.Registry.Level() < member.CommandVersionLevel {
		out.Format = 0
	}
	b, err := json.Marshal(out)
	if err == nil && len(b) > maxSnapshotHeader { // no member could read it, and the log before it would be gone
		err = fmt.Errorf("snapshot header of %d bytes, limit %d", len(b), maxSnapshotHeader)
	}
	if err != nil {
		return err
	}
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b)))); err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// ReadSnapshotHeader reads the header and leaves r at the state machine's
// bytes.
func ReadSnapshotHeader(r io.Reader) (*SnapshotHeader, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, fmt.Errorf("snapshot header: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxSnapshotHeader {
		return nil, fmt.Errorf("snapshot header of %d bytes, limit %d", n, maxSnapshotHeader)
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return nil, fmt.Errorf("snapshot header: %w", err)
	}
	h := &SnapshotHeader{}
	if err := member.Decode(b, h); err != nil {
		return nil, fmt.Errorf("snapshot header: %w", err)
	}
	switch {
	case h.Version > levelledVersion:
		return nil, fmt.Errorf("snapshot header of version %d, this host knows %d: %w", h.Version, levelledVersion, member.ErrNewer)
	case h.Version < snapshotVersion || h.Registry == nil:
		return nil, fmt.Errorf("snapshot header of version %d without a registry", h.Version)
	case h.Time > node.MaxTime:
		return nil, fmt.Errorf("snapshot header with time %d, at most %d", h.Time, uint64(node.MaxTime))
	case h.Version != versionFor(h.Registry):
		return nil, fmt.Errorf("snapshot header of version %d with a registry at feature level %d", h.Version, h.Registry.Level())
	}
	return h, nil
}

// versionFor is the version of a header with that registry.
func versionFor(r *member.Registry) int {
	if r.Level() > 0 {
		return levelledVersion
	}
	return snapshotVersion
}

// check refuses a snapshot that is not what its place says.
func (h *SnapshotHeader) check(cluster uint64, meta storage.SnapshotMetadata, sm plugins.Info) error {
	switch {
	case h.ClusterID != cluster:
		return fmt.Errorf("it belongs to cluster %x, this is %x", h.ClusterID, cluster)
	case h.Index != meta.Index || h.Term != meta.Term:
		return fmt.Errorf("it was taken at (%d, %d) and stands at (%d, %d)", h.Index, h.Term, meta.Index, meta.Term)
	case h.StateMachine != sm.Name:
		return fmt.Errorf("it was taken from state machine %q, this one is %q", h.StateMachine, sm.Name)
	}
	return nil
}
