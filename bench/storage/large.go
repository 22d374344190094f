package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// largeRun measures a snapshot and a log of size bytes in a plugin process.
type largeRun struct {
	ctx  context.Context
	out  io.Writer
	dir  string
	size int64
	// plainWrite and plainRead are the times of a plain file of that size.
	plainWrite, plainRead time.Duration
}

func measureLarge(ctx context.Context, out io.Writer, dir string, size int64) error {
	r := &largeRun{ctx: ctx, out: out, dir: dir, size: size}
	fmt.Fprintf(out, "%d MiB, in a plugin process; memory is the growth of the resident peak\n\n", size>>20)
	for _, step := range []func() error{r.plainFile, r.writeAndSave, r.recoverAndLoad} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// plainFile writes, syncs and reads a file, as dd and cat do.
func (r *largeRun) plainFile() error {
	path := filepath.Join(r.dir, "plain")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	defer f.Close()
	start := time.Now()
	if err := writeChunks(f, r.size, 1<<20); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	r.plainWrite = time.Since(start)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	start = time.Now()
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return err
	}
	r.plainRead = time.Since(start)
	fmt.Fprintf(r.out, "%-26s %8.2f s %8.0f MB/s\n", "plain file, write and sync", r.plainWrite.Seconds(), r.rate(r.plainWrite))
	fmt.Fprintf(r.out, "%-26s %8.2f s %8.0f MB/s\n", "plain file, read", r.plainRead.Seconds(), r.rate(r.plainRead))
	return nil
}

func (r *largeRun) rate(d time.Duration) float64 { return float64(r.size) / 1e6 / d.Seconds() }

// writeChunks writes data that is not compressible, and not the same twice.
func writeChunks(w io.Writer, size int64, chunk int) error {
	random := rand.NewChaCha8([32]byte{2})
	buf := make([]byte, chunk)
	random.Read(buf)
	for size > 0 {
		random.Read(buf[:64])
		n, err := w.Write(buf[:min(int64(chunk), size)])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

// timed does what takes long, and prints its time and the memory that this
// process and the plugin took.
func (r *largeRun) timed(p *plugin, what string, plain time.Duration, do func() error) error {
	host, err := watchMemory(os.Getpid())
	if err != nil {
		return err
	}
	other, err := watchMemory(p.pid)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	took := time.Since(start)
	hostGrowth, err := host.growth()
	if err != nil {
		return err
	}
	pluginGrowth, err := other.growth()
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%-26s %8.2f s %8.0f MB/s   %4.0f %% of the plain file's speed   memory: host %d MiB, plugin %d MiB\n",
		what, took.Seconds(), r.rate(took), 100*plain.Seconds()/took.Seconds(), hostGrowth>>20, pluginGrowth>>20)
	return nil
}

// inPlugin runs the steps on the store in a process of its own.
func (r *largeRun) inPlugin(steps ...func(*plugin) error) (err error) {
	p, err := startPlugin(r.ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.end()) }()
	for _, step := range steps {
		if err := step(p); err != nil {
			return err
		}
	}
	return p.store.Close(r.ctx)
}

// writeAndSave fills a log and saves a snapshot.
func (r *largeRun) writeAndSave() error {
	return r.inPlugin(
		func(p *plugin) error { return openStore(r.ctx, p.store, r.dir) },
		func(p *plugin) error {
			return r.timed(p, "log, append and sync", r.plainWrite, func() error { return r.fillLog(p.store) })
		},
		func(p *plugin) error {
			return r.timed(p, "snapshot, save", r.plainWrite, func() error { return r.saveSnapshot(p.store) })
		},
	)
}

// fillLog appends entries of 16 KiB, a batch of 64 at a time.
func (r *largeRun) fillLog(s storage.Storage) (err error) {
	sink, err := newPipeline(r.ctx, s, func() error { return nil })
	if err != nil {
		return err
	}
	p := sink.(*pipelineSink)
	defer func() { err = errors.Join(err, p.close()) }()
	for i, data := range p.data {
		p.data[i] = make([]byte, 16<<10)
		copy(p.data[i], data)
	}
	next := uint64(1)
	for written := int64(0); written < r.size; written += 16 << 10 * batchEntries {
		if err := p.append(next); err != nil {
			return err
		}
		next += batchEntries
	}
	return p.drain()
}

func (r *largeRun) saveSnapshot(s storage.Storage) error {
	w, err := s.CreateSnapshot(r.ctx, storage.SnapshotMetadata{Index: 1, Term: 1}, false)
	if err != nil {
		return err
	}
	if err := writeChunks(w, r.size, int(plugins.DefaultLimits().MaxChunkBytes)); err != nil {
		return errors.Join(err, w.Abort())
	}
	_, err = w.Commit()
	return err
}

// recoverAndLoad opens both in a new process.
func (r *largeRun) recoverAndLoad() error {
	return r.inPlugin(
		func(p *plugin) error {
			return r.timed(p, "log and snapshot, open", r.plainRead, func() error { return openStore(r.ctx, p.store, r.dir) })
		},
		func(p *plugin) error {
			return r.timed(p, "snapshot, load and verify", r.plainRead, func() error { return r.loadSnapshot(p.store) })
		},
	)
}

func (r *largeRun) loadSnapshot(s storage.Storage) error {
	reader, err := s.OpenSnapshot(r.ctx, 0)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, reader)
	if err == nil && n != r.size {
		err = fmt.Errorf("read %d bytes of %d", n, r.size)
	}
	return errors.Join(err, reader.Close())
}
