package storagerpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Client is the host's end of a storage plugin.
type Client struct {
	rpc pluginv1.StorageClient
	end pluginrpc.HostEnd

	mu    sync.Mutex // held while the head of the log moves
	first uint64     // first index as last heard of, 0 before Open

	own pluginrpc.KeptStream[*appender] // of Append
}

var (
	_ storage.Storage       = (*Client)(nil)
	_ storage.Streamer      = (*Client)(nil)
	_ storage.SpaceReporter = (*Client)(nil)
)

// NewClient returns the storage at the other end of conn. info is what the
// plugin answered to Describe.
func NewClient(conn grpc.ClientConnInterface, info plugins.Info) *Client {
	return &Client{rpc: pluginv1.NewStorageClient(conn), end: pluginrpc.HostEnd{Info: info, Table: errorTable()}}
}

// Describe implements storage.Storage.
func (c *Client) Describe() plugins.Info { return c.end.Info }

// Open implements storage.Storage.
func (c *Client) Open(ctx context.Context, opts plugins.Options) (storage.State, error) {
	var state storage.State
	err := c.end.Open(opts, func(options pluginv1.OpenOptions) error {
		res, err := c.rpc.Open(ctx, &pluginv1.StorageOpenRequest{Options: options})
		if err != nil {
			return c.end.Table.Error(ctx, err)
		}
		state = storage.State{
			StoreID:    res.StoreId,
			HardState:  res.HardState,
			Snapshots:  res.Snapshots,
			FirstIndex: res.FirstIndex,
			LastIndex:  res.LastIndex,
			Terms:      res.Terms,
		}
		if err := checkState(state); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.first = state.FirstIndex
		return nil
	})
	if err != nil {
		return storage.State{}, fmt.Errorf("open storage: %w", err)
	}
	return state, nil
}

// Read implements storage.Storage.
func (c *Client) Read(ctx context.Context, lo, hi, maxBytes uint64) ([]storage.Entry, error) {
	o, err := c.end.Opened()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // an answer that is given up must not flow on
	entries, err := c.read(ctx, o, &pluginv1.ReadRequest{Call: o.Call, Lo: lo, Hi: hi, MaxBytes: maxBytes})
	if err != nil {
		return nil, fmt.Errorf("read entries [%d,%d): %w", lo, hi, err)
	}
	return entries, nil
}

func (c *Client) read(ctx context.Context, o *pluginrpc.Opened, req *pluginv1.ReadRequest) ([]storage.Entry, error) {
	stream, err := c.rpc.Read(ctx, req)
	if err != nil {
		return nil, c.end.Table.Error(ctx, err)
	}
	check := readCheck{lo: req.Lo, hi: req.Hi, maxBytes: req.MaxBytes, maxEntry: o.Limits.MaxEntryBytes}
	var entries []storage.Entry
	for {
		res, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return entries, check.end()
		}
		if err != nil {
			return nil, c.end.Table.Error(ctx, err)
		}
		if err := check.add(res.Entries); err != nil {
			return nil, err
		}
		if entries == nil {
			entries = res.Entries
		} else {
			entries = append(entries, res.Entries...)
		}
	}
}

// Compact implements storage.Storage.
func (c *Client) Compact(ctx context.Context, index uint64) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	res, err := pluginrpc.Ask(ctx, &c.end, c.rpc.Compact, &pluginv1.CompactRequest{Call: c.end.Call(), Index: index})
	if err != nil {
		return 0, fmt.Errorf("compact to %d: %w", index, err)
	}
	if want := max(index+1, c.first); res.FirstIndex != want {
		return 0, fmt.Errorf("compact to %d: %w", index, pluginrpc.Breach("ST-24", "first index %d, expected %d", res.FirstIndex, want))
	}
	c.first = res.FirstIndex
	return res.FirstIndex, nil
}

// ListSnapshots implements storage.Storage.
func (c *Client) ListSnapshots(ctx context.Context) ([]storage.SnapshotInfo, error) {
	res, err := pluginrpc.Ask(ctx, &c.end, c.rpc.ListSnapshots, &pluginv1.ListSnapshotsRequest{Call: c.end.Call()})
	if err == nil {
		err = checkSnapshots(res.Snapshots)
	}
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	return res.Snapshots, nil
}

// InstallSnapshot implements storage.Storage.
func (c *Client) InstallSnapshot(ctx context.Context, index uint64, hs storage.HardState) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	req := &pluginv1.InstallSnapshotRequest{Call: c.end.Call(), Index: index, HardState: hs}
	if _, err := pluginrpc.Ask(ctx, &c.end, c.rpc.InstallSnapshot, req); err != nil {
		return fmt.Errorf("install snapshot %d: %w", index, err)
	}
	c.first = index + 1
	return nil
}

// Space implements storage.SpaceReporter; only a plugin with the capability is
// asked.
func (c *Client) Space(ctx context.Context) (storage.Space, error) {
	res, err := pluginrpc.Ask(ctx, &c.end, c.rpc.Space, &pluginv1.SpaceRequest{Call: c.end.Call()})
	if err != nil {
		return storage.Space{}, err
	}
	if n := len(res.Detail); n > storage.MaxSpaceDetail || res.Short != (n > 0) {
		return storage.Space{}, pluginrpc.Breach("ST-37", "short of space: %t, with a detail of %d bytes", res.Short, n)
	}
	return storage.Space{Short: res.Short, Detail: res.Detail}, nil
}

// Close implements storage.Storage.
func (c *Client) Close(ctx context.Context) error { return c.end.Close(ctx, "storage", c.rpc.Close) }
