package storagerpc_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

func TestBatchesThatWaitShareOneAppend(t *testing.T) {
	disk := storagetest.NewDisk()
	c, _ := open(t, disk)
	started, release := make(chan int, 10), make(chan struct{})
	disk.OnAppend(func(b []storage.Batch) error {
		started <- len(b)
		<-release
		return nil
	})
	a, err := c.Appender(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	send := func(index uint64) {
		t.Helper()
		if err := a.Send(batch(1, index, index)); err != nil {
			t.Fatal(err)
		}
	}
	send(1)
	if n := <-started; n != 1 {
		t.Fatalf("first append has %d batches", n)
	}
	for i := uint64(2); i <= 9; i++ {
		send(i)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	close(release)
	last := uint64(0)
	for {
		durable, err := a.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || durable <= last {
			t.Fatalf("acknowledged %d after %d, error %v", durable, last, err)
		}
		last = durable
	}
	if last != 9 {
		t.Errorf("acknowledged %d of 9", last)
	}
	if err := a.Send(batch(1, 10, 10)); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("send after close: %v", err)
	}
}

// Rule ST-18.
func TestWhatWasReceivedIsAppendedThoughTheHostGivesUp(t *testing.T) {
	disk := storagetest.NewDisk()
	c, _ := open(t, disk)
	started, release := make(chan struct{}), make(chan struct{})
	disk.OnAppend(func([]storage.Batch) error {
		close(started)
		<-release
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	appended := make(chan error, 1)
	go func() { appended <- c.Append(ctx, []storage.Batch{batch(1, 1, 3)}) }()
	<-started
	cancel()
	if err := <-appended; !errors.Is(err, context.Canceled) {
		t.Errorf("append that was given up: %v", err)
	}
	disk.OnAppend(nil)
	close(release)
	mustAppend(t, c, batch(1, 4, 4)) // waits for the first, whose end it needs
	if got, err := c.Read(t.Context(), 1, 5, 1000); err != nil || len(got) != 4 {
		t.Errorf("read %d entries, error %v", len(got), err)
	}
}

// Rule ST-13.
func TestHardStatesThatFallAreFoundBeforeAnyIsSent(t *testing.T) {
	for name, falls := range map[string]storage.HardState{"term": {Term: 2, Commit: 3}, "commit": {Term: 4, Commit: 1}} {
		c, _ := open(t, storagetest.NewDisk())
		first := batch(1, 1, 3)
		first.HardState = storage.HardState{Term: 3, Commit: 2}
		err := c.Append(t.Context(), []storage.Batch{first, {HardState: falls, MustSync: true}})
		if !errors.Is(err, plugins.ErrInvalidArgument) {
			t.Errorf("%s: append: %v", name, err)
		}
		if _, err := c.Read(t.Context(), 1, 2, 1000); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("%s: the batch before it was appended: %v", name, err)
		}
	}
}

func TestAnAppendersErrorReachesBothEnds(t *testing.T) {
	disk := storagetest.NewDisk()
	c, _ := open(t, disk)
	disk.OnAppend(func([]storage.Batch) error { return storage.ErrNoSpace })
	a, err := c.Appender(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Send(batch(1, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Recv(); !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("recv: %v", err)
	}
	if err := a.Send(batch(1, 2, 2)); !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("send: %v", err)
	}
}
