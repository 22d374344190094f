package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/plugins"
)

// mailer sends the letters that are due while its member leads, and proposes that they
// were sent. It sends a letter again when it does not hear that the log has it: a receiver
// knows a letter by its ID, and refuses a term that is smaller than one it has seen.
type mailer struct {
	log        *slog.Logger
	dial       func(section []byte) (post, error)
	leadership atomic.Pointer[plugins.Leadership]
	changed    chan struct{} // holds a token when there may be something to do
	cancel     context.CancelFunc
	ended      chan struct{}
}

// post is the way out of the process: to the receiver, and to the log.
type post interface {
	Send(ctx context.Context, l letter, term uint64) error
	Propose(ctx context.Context, command []byte) (client.Result, error)
	Close() error
}

// again is after how long a letter that could not be sent is tried once more.
const again = time.Second

// SetLeadership returns at once, as it must: the work is that of run.
func (m *mailer) SetLeadership(l plugins.Leadership) {
	m.leadership.Store(&l)
	m.wake()
}

func (m *mailer) wake() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *mailer) start(section []byte, due func() []letter) error {
	p, err := m.dial(section)
	if err != nil {
		return fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel, m.ended = cancel, make(chan struct{})
	go func() {
		defer close(m.ended)
		defer p.Close()
		m.run(ctx, due, p)
	}()
	return nil
}

func (m *mailer) stop() {
	m.cancel()
	<-m.ended
}

func (m *mailer) run(ctx context.Context, due func() []letter, p post) {
	retry := time.NewTicker(again)
	defer retry.Stop()
	for ctx.Err() == nil {
		for _, l := range due() {
			leader := m.leadership.Load()
			if leader == nil || !leader.Ready || leader.Transferring {
				break
			}
			err := p.Send(ctx, l, leader.Term)
			if err == nil {
				_, err = p.Propose(ctx, fmt.Appendf(nil, "sent %d %d", l.ID, leader.Term))
			}
			if err != nil && ctx.Err() == nil {
				m.log.Warn("a letter waits", "id", l.ID, "error", err)
				break
			}
		}
		select {
		case <-ctx.Done():
		case <-m.changed:
		case <-retry.C:
		}
	}
}

// link is the post of a running host.
type link struct {
	*client.Client
	to string
}

// dial reads the section of the configuration: where letters go, and the host's own
// address for clients.
func dial(section []byte) (post, error) {
	config := struct{ To, Host string }{Host: "127.0.0.1:7401"}
	d := yaml.NewDecoder(bytes.NewReader(section))
	d.KnownFields(true)
	if err := d.Decode(&config); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	c, err := client.New(client.Options{Endpoints: []string{config.Host}})
	return link{c, config.To}, err
}

func (l link) Send(ctx context.Context, x letter, term uint64) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.to, strings.NewReader(x.Text))
	if err != nil {
		return err
	}
	r.Header.Set("Letter-Id", fmt.Sprint(x.ID))
	r.Header.Set("Letter-Term", fmt.Sprint(term))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s", l.to, answer.Status)
	}
	return nil
}
