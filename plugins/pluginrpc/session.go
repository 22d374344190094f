package pluginrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// maxUnanswered is how many requests may be on their way; a plugin that is so
// far behind is not probed any further.
const maxUnanswered = 64

// A Session is the host's end of a plugin's session stream. Its methods may
// be called concurrently.
type Session struct {
	stream grpc.BidiStreamingClient[pluginv1.SessionRequest, pluginv1.SessionResponse]
	cancel context.CancelFunc
	done   chan struct{} // closed when receive has ended

	sending sync.Mutex // orders SendMsg; a request's seq is given under it

	mu      sync.Mutex
	seq     uint64
	answers uint64                   // last seq answered
	waiting map[uint64]chan<- []byte // by seq; abandoned ones are absent
	asked   []string                 // what is unanswered, the oldest first
	work    Occupations
	err     error // why the session ended
}

// OpenSession opens the session stream, which lasts until Close, the end of
// ctx, or that of the plugin.
func OpenSession(ctx context.Context, conn grpc.ClientConnInterface) (*Session, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := pluginv1.NewPluginClient(conn).Session(ctx)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open session: %w", NewTable().Error(ctx, err))
	}
	s := &Session{
		stream:  stream,
		cancel:  cancel,
		done:    make(chan struct{}),
		waiting: make(map[uint64]chan<- []byte),
	}
	go s.receive(ctx)
	return s, nil
}

// Probe asks the plugin for a sign of life and waits for it.
func (s *Session) Probe(ctx context.Context) error {
	_, err := s.ask(ctx, pluginv1.SessionRequest{})
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}

// Answered counts the requests that the plugin has answered, also those whose
// callers have stopped waiting. It grows with each sign of life.
func (s *Session) Answered() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers
}

// Occupied says what the plugin is at, if it has not answered: what the oldest request asks
// of it. It is empty if that is a sign of life alone, or if all are answered.
func (s *Session) Occupied() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == 0 {
		return ""
	}
	return s.asked[0]
}

// whatFor says what a request asks for; empty if it is a sign of life.
func whatFor(req *pluginv1.SessionRequest) string {
	switch {
	case req.Leadership != nil:
		return "to take who leads"
	case req.Metrics:
		return "for its metrics"
	case req.LogLevel != "":
		return "to change its log level"
	}
	return ""
}

// Metrics returns the plugin's metrics in Prometheus text format. The text is
// the plugin's, unchecked: a parser must expect anything.
func (s *Session) Metrics(ctx context.Context) ([]byte, error) {
	text, err := s.ask(ctx, pluginv1.SessionRequest{Metrics: true})
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return text, nil
}

// SetLogLevel makes the plugin log from level on.
func (s *Session) SetLogLevel(ctx context.Context, level slog.Level) error {
	name := LevelName(level)
	if _, err := s.ask(ctx, pluginv1.SessionRequest{LogLevel: name}); err != nil {
		return fmt.Errorf("set log level %s: %w", name, err)
	}
	return nil
}

// SetLeadership tells the plugin who leads, and returns when it has taken that.
func (s *Session) SetLeadership(ctx context.Context, l plugins.Leadership) error {
	told := pluginv1.Leadership{Group: l.Group, Term: l.Term, Leader: l.Leader, Leads: l.Leads, Ready: l.Ready, Transferring: l.Transferring}
	if _, err := s.ask(ctx, pluginv1.SessionRequest{Leadership: &told}); err != nil {
		return fmt.Errorf("tell of leadership in term %d: %w", l.Term, err)
	}
	return nil
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err says why the session ended: nil before the end, and after Close.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// Close ends the session and waits for its goroutine.
func (s *Session) Close() {
	s.end(io.EOF)
	s.cancel()
	<-s.done
}

// ask sends one request and waits for its answer.
func (s *Session) ask(ctx context.Context, req pluginv1.SessionRequest) ([]byte, error) {
	answer := make(chan []byte, 1)
	seq, err := s.send(req, answer)
	if err != nil {
		return nil, err
	}
	select {
	case text := <-answer:
		return text, nil
	case <-s.done:
		select { // an answer that came just before the end counts
		case text := <-answer:
			return text, nil
		default:
		}
		return nil, s.ended()
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.waiting, seq)
		s.mu.Unlock()
		return nil, ctx.Err()
	}
}

func (s *Session) send(req pluginv1.SessionRequest, answer chan<- []byte) (uint64, error) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return 0, s.ended()
	}
	if behind := s.seq - s.answers; behind >= maxUnanswered {
		s.mu.Unlock()
		return 0, fmt.Errorf("%d session requests are unanswered: %w", behind, context.DeadlineExceeded)
	}
	s.seq++
	req.Seq = s.seq
	s.waiting[req.Seq] = answer
	s.asked = append(s.asked, whatFor(&req))
	s.mu.Unlock()
	if err := s.stream.Send(&req); err != nil {
		<-s.done // receive learns the cause
		return 0, s.ended()
	}
	return req.Seq, nil
}

// receive hands out answers until the stream ends.
func (s *Session) receive(ctx context.Context) {
	defer close(s.done)
	defer s.cancel()
	for {
		res, err := s.stream.Recv()
		if errors.Is(err, io.EOF) {
			s.end(ruled(plugins.ErrGone, "P-15", "it ended its session with OK"))
			return
		}
		if err != nil {
			s.end(fmt.Errorf("session: %w", NewTable().Error(ctx, err)))
			return
		}
		if err := s.answer(res); err != nil {
			s.end(fmt.Errorf("session: %w", err))
			return
		}
	}
}

func (s *Session) answer(res *pluginv1.SessionResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := s.answers + 1; res.Seq != want || res.Seq > s.seq {
		return Breach("P-15", "answer %d, expected %d of %d requests", res.Seq, want, s.seq)
	}
	if _, err := s.work.Heard(goBusy(res.Busy), time.Now()); err != nil {
		return err
	}
	s.answers++
	s.asked = s.asked[1:]
	if answer, ok := s.waiting[res.Seq]; ok {
		delete(s.waiting, res.Seq)
		answer <- res.Metrics // capacity 1, one answer each
	}
	return nil
}

// end records the first reason.
func (s *Session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// ended is what callers get after the end.
func (s *Session) ended() error {
	if err := s.Err(); err != nil {
		return err
	}
	return fmt.Errorf("session is closed: %w", plugins.ErrClosed)
}

// LevelName is the nearest of the levels that a session can ask for.
func LevelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warn"
	default:
		return "error"
	}
}

func parseLevel(s string) (slog.Level, error) {
	var l slog.Level
	switch strings.ToLower(s) {
	case "debug", "info", "warn", "error":
		return l, l.UnmarshalText([]byte(s))
	default:
		return 0, fmt.Errorf("log level %.16q: %w", s, plugins.ErrInvalidArgument)
	}
}
