package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// outbox is the state machine: letters that wait until they are due and are sent. Only the
// leader's sends them, and each member forgets a letter when the log says that it was sent.
type outbox struct {
	mailer // what the leader does

	mu    sync.RWMutex
	phase error // of plugins: ErrNotOpen, nil while it is open, ErrClosed
	state
}

type state struct {
	Applied, Now uint64 // Now is the time of the last entry, in milliseconds since 1970
	Letters      []letter
}

type letter struct {
	ID, Due uint64 // ID is the index of its entry
	Text    string
}

func (o *outbox) Describe() plugins.Info {
	return plugins.Info{
		Kind: plugins.StateMachine, Name: "outbox", Version: "1.0.0", Protocols: []uint32{plugins.ProtocolVersion},
		Capabilities: []plugins.Capability{plugins.CapabilityLeadership, statemachine.CapabilityQueryStreams, statemachine.CapabilityTimers},
		Requires:     []plugins.Capability{plugins.CapabilityLeadership, statemachine.CapabilityTimers},
	}
}

func (o *outbox) Open(_ context.Context, opts plugins.Options) (uint64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !errors.Is(o.phase, plugins.ErrNotOpen) {
		return 0, fmt.Errorf("%w: opened before", plugins.ErrInvalidArgument)
	}
	if err := o.mailer.start(opts.Config, o.due); err != nil {
		return 0, err
	}
	o.phase = nil
	return 0, nil
}

func (o *outbox) Apply(_ context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	results := make([]statemachine.Result, len(b.Entries))
	for i, e := range b.Entries {
		if results[i].Skipped = e.Index <= o.Applied; !results[i].Skipped {
			o.Applied, o.Now = e.Index, max(o.Now, e.Time)
			if !e.Tick {
				results[i] = o.command(e)
			}
		}
	}
	o.Applied = max(o.Applied, b.Through)
	o.mailer.wake()
	return results, o.phase
}

// command is "post MILLISECONDS TEXT" or "sent ID TERM". The latter counts only in the term
// of the leader that sent the letter: a leader that was deposed meanwhile changes nothing.
func (o *outbox) command(e statemachine.Entry) statemachine.Result {
	word, rest, _ := strings.Cut(string(e.Data), " ")
	first, second, _ := strings.Cut(rest, " ")
	number, err := strconv.ParseUint(first, 10, 40)
	switch at := slices.IndexFunc(o.Letters, func(l letter) bool { return l.ID == number }); {
	case err != nil || word != "post" && word != "sent":
		return statemachine.Result{Error: "a command is: post MILLISECONDS TEXT, or: sent ID TERM"}
	case word == "post" && number > 0 && e.Time == 0:
		return statemachine.Result{Error: "the cluster has no time yet"}
	case word == "post":
		o.Letters = append(o.Letters, letter{e.Index, e.Time + number, second})
	case at < 0 || second != strconv.FormatUint(e.Term, 10):
		return statemachine.Result{Error: "no such letter waits, or another leader sent it"}
	default:
		o.Letters = slices.Delete(slices.Clone(o.Letters), at, at+1)
	}
	return statemachine.Result{Data: strconv.AppendUint(nil, e.Index, 10)}
}

// NextTimer has a tick put into the log when the next letter is due.
func (o *outbox) NextTimer() (next uint64) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for _, l := range o.Letters {
		if l.Due > o.Now && (next == 0 || l.Due < next) {
			next = l.Due
		}
	}
	return next
}

// due are the letters whose time has come, as the log tells the time.
func (o *outbox) due() []letter {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return slices.DeleteFunc(slices.Clone(o.Letters), func(l letter) bool { return l.Due > o.Now })
}

func (o *outbox) Query(_ context.Context, query []byte) ([]byte, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.phase == nil && len(query) > 0 {
		return nil, fmt.Errorf("%w: %.32q, want an empty one: the answer is the number of letters", statemachine.ErrInvalidQuery, query)
	}
	return strconv.AppendInt(nil, int64(len(o.Letters)), 10), o.phase
}

// QueryStream sends each letter that waits, with the outbox as it is now.
func (o *outbox) QueryStream(_ context.Context, query []byte, send func([]byte) error) error {
	if _, err := o.Query(nil, query); err != nil {
		return err
	}
	o.mu.RLock()
	waiting := o.Letters[:len(o.Letters):len(o.Letters)] // changed in copies alone
	o.mu.RUnlock()
	for _, l := range waiting {
		if err := send(fmt.Appendf(nil, "%d %d %s\n", l.ID, l.Due, l.Text)); err != nil {
			return err
		}
	}
	return nil
}

func (o *outbox) PrepareSnapshot(context.Context) (statemachine.Snapshot, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.state, o.phase
}

func (s state) Index() uint64 { return s.Applied }
func (s state) Release()      {}

func (s state) Save(_ context.Context, w io.Writer) error {
	raw, err := json.Marshal(s)
	if err == nil {
		_, err = w.Write(raw)
	}
	return err
}

func (o *outbox) Restore(_ context.Context, index uint64, r io.Reader) error {
	var s state
	raw, err := io.ReadAll(r)
	if err == nil && (json.Unmarshal(raw, &s) != nil || s.Applied != index) {
		err = fmt.Errorf("%w: %d bytes", statemachine.ErrBadSnapshot, len(raw))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err = cmp.Or(o.phase, err); err == nil {
		o.state = s
	}
	return err
}

func (o *outbox) Close(context.Context) error {
	o.mu.Lock()
	open := o.phase == nil
	o.phase = plugins.ErrClosed
	o.mu.Unlock()
	if open {
		o.mailer.stop()
	}
	return nil
}
