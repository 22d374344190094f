// Command outbox is a state machine plugin with work that the leader's alone does: it sends
// letters when they are due, as a mailer or a scheduler of jobs would.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/sdk"
)

func main() { sdk.Serve(sdk.StateMachine("outbox", newOutbox)) }

// outbox is the state machine: letters that wait until they are due and are sent. Only the
// leader's sends them, and each member forgets a letter when the log says that it was sent.
type outbox struct {
	*sdk.Memory[state]
	*sdk.LeaderWork
	log  *slog.Logger
	to   string      // where letters go
	http http.Client // how
	host host
}

// host is the way to the log.
type host interface {
	Propose(ctx context.Context, command []byte) (client.Result, error)
	Close() error
}

type state struct {
	Now     uint64   // the time of the last entry, in milliseconds since 1970
	Letters []letter // by Due. A command makes a new slice, so readers may keep the old one.
}

type letter struct {
	ID, Due uint64 // ID is the index of its entry
	Text    string
}

func newOutbox(env sdk.Env) statemachine.StateMachine {
	return &outbox{Memory: sdk.InMemory(apply), log: env.Logger, http: http.Client{Timeout: 10 * time.Second}}
}

func (o *outbox) Describe() plugins.Info {
	return plugins.Info{
		Kind: plugins.StateMachine, Name: "outbox", Version: "1.0.0", Protocols: []uint32{plugins.ProtocolVersion},
		Capabilities: []plugins.Capability{plugins.CapabilityLeadership, statemachine.CapabilityQueryStreams, statemachine.CapabilityTimers},
		Requires:     []plugins.Capability{plugins.CapabilityLeadership, statemachine.CapabilityTimers},
		StateHash:    "state",
	}
}

func (o *outbox) Open(_ context.Context, opts plugins.Options) (_ uint64, err error) {
	config := struct{ To, Host string }{Host: "127.0.0.1:7401"} // Host is this member's address for clients
	if err = o.OpenWith(opts, &config); err != nil {
		return 0, err
	}
	if o.host, err = client.New(client.Options{Endpoints: []string{config.Host}}); err != nil {
		return 0, fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err)
	}
	o.to, o.LeaderWork = config.To, sdk.StartLeaderWork(time.Second, o.deliver)
	return 0, nil
}

func (o *outbox) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	defer o.Wake()
	return o.Memory.Apply(ctx, b)
}

// apply is of an entry: a tick, "post MILLISECONDS TEXT" or "sent ID TERM". The latter counts only in
// the term of the leader that sent the letter: a leader that was deposed meanwhile changes nothing.
func apply(s *state, e statemachine.Entry) statemachine.Result {
	if s.Now = e.Time; e.Tick {
		return statemachine.Result{}
	}
	word, rest, _ := strings.Cut(string(e.Data), " ")
	first, second, _ := strings.Cut(rest, " ")
	number, err := strconv.ParseUint(first, 10, 40)
	switch at := slices.IndexFunc(s.Letters, func(l letter) bool { return l.ID == number }); {
	case err != nil || word != "post" && word != "sent":
		return statemachine.Result{Error: "a command is: post MILLISECONDS TEXT, or: sent ID TERM"}
	case word == "post" && number > 0 && e.Time == 0:
		return statemachine.Result{Error: "the cluster has no time yet"}
	case word == "post":
		s.Letters = append(slices.Clip(s.Letters), letter{e.Index, e.Time + number, second})
		slices.SortStableFunc(s.Letters, func(a, b letter) int { return cmp.Compare(a.Due, b.Due) })
	case at < 0 || second != strconv.FormatUint(e.Term, 10):
		return statemachine.Result{Error: "no such letter waits, or another leader sent it"}
	default:
		s.Letters = slices.Concat(s.Letters[:at], s.Letters[at+1:])
	}
	return statemachine.Result{Data: strconv.AppendUint(nil, e.Index, 10)}
}

// split parts the letters whose time has come, as the log tells the time, from the others.
func (o *outbox) split() (due, later []letter) {
	_ = o.Read(func(s *state) {
		n, _ := slices.BinarySearchFunc(s.Letters, s.Now+1, func(l letter, at uint64) int { return cmp.Compare(l.Due, at) })
		due, later = s.Letters[:n], s.Letters[n:]
	})
	return due, later
}

// NextTimer has a tick put into the log when the next letter is due.
func (o *outbox) NextTimer() uint64 {
	if _, later := o.split(); len(later) > 0 {
		return later[0].Due
	}
	return 0
}

// deliver is the leader's work: it sends what is due, and proposes that it was sent. It sends a
// letter again when it does not hear that the log has it: a receiver knows a letter by its
// ID, and refuses a term that is smaller than one it has seen.
func (o *outbox) deliver(ctx context.Context, term uint64) {
	due, _ := o.split()
	for _, l := range due {
		err := o.send(ctx, l, term)
		if err == nil {
			_, err = o.host.Propose(ctx, fmt.Appendf(nil, "sent %d %d", l.ID, term))
		}
		if err != nil {
			o.log.Warn("a letter waits", "id", l.ID, "error", err)
			return
		}
	}
}

func (o *outbox) send(ctx context.Context, l letter, term uint64) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.to, strings.NewReader(l.Text))
	if err != nil {
		return err
	}
	r.Header = http.Header{"Letter-Id": {fmt.Sprint(l.ID)}, "Letter-Term": {fmt.Sprint(term)}}
	answer, err := o.http.Do(r)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s answers %s", o.to, answer.Status)
	}
	return cmp.Or(err, answer.Body.Close())
}

// Query answers how many letters wait, whatever is asked.
func (o *outbox) Query(context.Context, []byte) (answer []byte, err error) {
	err = o.Read(func(s *state) { answer = strconv.AppendInt(nil, int64(len(s.Letters)), 10) })
	return answer, err
}

// QueryStream sends each letter that waits, with the outbox as it is now.
func (o *outbox) QueryStream(_ context.Context, _ []byte, send func([]byte) error) error {
	var waiting []letter
	err := o.Read(func(s *state) { waiting = s.Letters })
	for i := 0; err == nil && i < len(waiting); i++ {
		err = send(fmt.Appendf(nil, "%d %d %s\n", waiting[i].ID, waiting[i].Due, waiting[i].Text))
	}
	return err
}

func (o *outbox) Close(ctx context.Context) error {
	if o.LeaderWork != nil {
		o.Stop()
		_ = o.host.Close()
	}
	return o.Memory.Close(ctx)
}
