package maintenance

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Drilled is what Drill has found. The hash is in hex.
type Drilled struct {
	Snapshot ExportInfo `json:"snapshot"`
	Plugin   string     `json:"plugin"`
	Version  string     `json:"version"`
	// Hash is that of the restored state, which members with the same state have too; empty if
	// the state machine has none, and then HashName is empty.
	Hash     string  `json:"hash"`
	HashName string  `json:"hash_name"`
	Seconds  float64 `json:"seconds"`
}

// Drill restores a state machine from an exported snapshot, as a member would, in a directory of its
// own that it removes afterwards. machine is the node with the state machine in the place of
// the storage. A snapshot that the state machine refuses is ErrDamaged.
func Drill(ctx context.Context, path string, machine Node) (d Drilled, err error) {
	begun := time.Now()
	if d.Snapshot, err = InspectExport(path); err != nil {
		return d, err
	}
	e, err := openExport(path)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, e.file.Close()) }()
	dir, err := os.MkdirTemp("", "pontoon-drill-")
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	notes := &noteTaker{}
	c, err := catalog.New(catalog.Options{
		Logger: slog.New(notes), Backends: machine.Backends, RuntimeDir: machine.RuntimeDir, Limits: machine.options(dir).Limits,
	})
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	machine.Spec.Kind = plugins.StateMachine
	slot, err := c.Slot(machine.Spec)
	if err != nil {
		return d, err
	}
	in, err := slot.Start(ctx)
	if err != nil {
		return d, err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, in.Stop(stop))
	}()
	if err := restoreInto(ctx, in, e, machine.options(filepath.Join(dir, "state")), &d); err != nil {
		for _, note := range notes.take() {
			err = fmt.Errorf("%w; the plugin says: %s", err, note)
		}
		return d, err
	}
	d.Seconds = time.Since(begun).Seconds()
	return d, nil
}

// restoreInto gives the snapshot to a state machine, and asks for the hash of the state.
func restoreInto(ctx context.Context, in *catalog.Instance, e *export, opts plugins.Options, d *Drilled) error {
	info, h := in.Info(), e.header
	d.Plugin, d.Version = info.Name, info.Version
	switch {
	case h.StateMachine != info.Name:
		return fmt.Errorf("%w: the snapshot is of the state machine %q, and this one is %q", ErrRefused, h.StateMachine, info.Name)
	case !info.SnapshotFormats.Reads(h.Format):
		return fmt.Errorf("%w: the snapshot is of format %d, and %s of version %q reads %s", ErrRefused, h.Format, info.Name, info.Version, info.SnapshotFormats)
	}
	if err := vfs.MakeOSDir(opts.DataDir); err != nil {
		return err
	}
	content, err := e.again()
	if err != nil {
		return err
	}
	if _, err := server.ReadSnapshotHeader(content); err != nil {
		return err
	}
	sm := in.StateMachine()
	opts.ClusterID = h.ClusterID
	if _, err := sm.Open(ctx, opts); err != nil {
		return err
	}
	if err := sm.Restore(ctx, h.Index, content); err != nil {
		if errors.Is(err, statemachine.ErrBadSnapshot) {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return fmt.Errorf("restore the state machine from the snapshot of index %d: %w", h.Index, err)
	}
	if info.StateHash == "" {
		return nil
	}
	hash, err := hashOf(ctx, sm, h.Index)
	d.Hash, d.HashName = hex.EncodeToString(hash), info.StateHash
	return err
}

// hashOf asks for the hash of the state, as a host does: with a batch.
func hashOf(ctx context.Context, sm statemachine.StateMachine, index uint64) ([]byte, error) {
	a, err := statemachine.OpenApplier(ctx, sm)
	if err != nil {
		return nil, err
	}
	if err := a.Submit(statemachine.Batch{Through: index, Hash: true}, false); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	out, err := a.Recv()
	return out.Hash, errors.Join(err, a.Close())
}
