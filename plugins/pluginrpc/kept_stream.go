package pluginrpc

import "context"

// A KeptStream is a stream that stays open from one use to the next. It belongs to one
// goroutine at a time. The zero value is ready for use.
type KeptStream[S any] struct {
	stream S
	stop   context.CancelFunc // not nil while the stream is open
}

// Use lets use have the stream, which open opens if it is not. The stream ends
// with its context: if ctx ends meanwhile, and if use fails.
func (k *KeptStream[S]) Use(ctx context.Context, open func(context.Context) (S, error), use func(S) error) error {
	if k.stop == nil {
		streamCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
		stream, err := open(streamCtx)
		if err != nil {
			stop()
			return err
		}
		k.stream, k.stop = stream, stop
	}
	unwatch := context.AfterFunc(ctx, k.stop)
	err := use(k.stream)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if !unwatch() || err != nil {
		k.drop()
	}
	return err
}

// Close lets end have the stream if it is open, and ends it.
func (k *KeptStream[S]) Close(ctx context.Context, end func(S)) {
	if k.stop == nil {
		return
	}
	unwatch := context.AfterFunc(ctx, k.stop)
	end(k.stream)
	unwatch()
	k.drop()
}

func (k *KeptStream[S]) drop() {
	k.stop()
	*k = KeptStream[S]{}
}
