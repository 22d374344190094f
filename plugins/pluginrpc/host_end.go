package pluginrpc

import (
	"context"
	"fmt"
	"sync/atomic"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A HostEnd is what the host's end of a plugin has, whatever its kind: its
// description, the table of its errors, and the state that Open left.
type HostEnd struct {
	// Info is what the plugin answered to Describe.
	Info plugins.Info
	// Table turns the plugin's errors into those of the contract.
	Table *Table

	opened atomic.Pointer[Opened]
}

// Open has open ask the plugin, with the options as they travel, and notes them if the
// answer is good.
func (e *HostEnd) Open(o plugins.Options, open func(pluginv1.OpenOptions) error) error {
	o, err := CheckOptions(o)
	if err != nil {
		return err
	}
	if err := open(WireOptions(o)); err != nil {
		return err
	}
	e.SetOpened(o)
	return nil
}

// SetOpened notes an Open with options that CheckOptions accepted.
func (e *HostEnd) SetOpened(o plugins.Options) *Opened {
	opened := NewOpened(o)
	e.opened.Store(opened)
	return opened
}

// Opened is what the last Open left, or plugins.ErrNotOpen.
func (e *HostEnd) Opened() (*Opened, error) {
	if o := e.opened.Load(); o != nil {
		return o, nil
	}
	return nil, plugins.ErrNotOpen
}

// Call is what requests carry; before Open it is zero, with which a plugin takes
// a Close alone.
func (e *HostEnd) Call() pluginv1.Call {
	if o := e.opened.Load(); o != nil {
		return o.Call
	}
	return pluginv1.Call{}
}

// Ask makes a call of a plugin that is open. Its request carries e's Call.
func Ask[Req, Res any](ctx context.Context, e *HostEnd,
	method func(context.Context, *Req, ...grpc.CallOption) (*Res, error), req *Req,
) (*Res, error) {
	if _, err := e.Opened(); err != nil {
		return nil, err
	}
	res, err := method(ctx, req)
	if err != nil {
		return nil, e.Table.Error(ctx, err)
	}
	return res, nil
}

// Close closes the plugin, of a kind that an error calls what. Before Open it is a call too.
func (e *HostEnd) Close(ctx context.Context, what string,
	method func(context.Context, *pluginv1.CloseRequest, ...grpc.CallOption) (*pluginv1.CloseResponse, error),
) error {
	if _, err := method(ctx, &pluginv1.CloseRequest{Call: e.Call()}); err != nil {
		return fmt.Errorf("close %s: %w", what, e.Table.Error(ctx, err))
	}
	return nil
}

// ErrStreamEnded is of a stream to which nothing can be sent any more: the other end has
// ended it, and its status, which a receiver gets, says why. It is a plugins.ErrClosed.
var ErrStreamEnded = fmt.Errorf("stream has ended: %w", plugins.ErrClosed)
