package sdnotify

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-systemd/v22/daemon"
)

// look is how often the condition is looked at, if the watchdog asks for no more.
const look = time.Second

// A start is given more time every extendEvery, and then so much that two of these
// words may be lost.
const (
	extendEvery = 10 * time.Second
	extendBy    = 3 * extendEvery
)

// maxStatus is the greatest length of a status in bytes. It is a line for people.
const maxStatus = 512

// A Condition is how the process does at one moment.
type Condition struct {
	// NotReady is why it does not serve; nil if it does.
	NotReady error
	// NotLive is why it does not get on, and will not by itself; nil if it does.
	NotLive error
	// Text says to people what a process that serves does.
	Text string
}

// status is the line for people.
func (c Condition) status() string {
	text := c.Text
	if c.NotReady != nil {
		text = c.NotReady.Error()
	}
	return line(text)
}

// line is text as one line of at most maxStatus bytes. Part of it may be a plugin's
// word, and a second line would be a second assignment to systemd.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > maxStatus {
		text = strings.ToValidUTF8(text[:maxStatus-len("…")], "") + "…"
	}
	return text
}

// A Manager is the systemd that has started this process, and waits for its word.
type Manager struct {
	send     func(state string) error
	watchdog time.Duration // 0 if it keeps none
	logger   *slog.Logger
}

// Find returns the systemd that the environment names, or nil if it names none. The
// error is that of a watchdog that the environment names and that cannot be fed.
func Find(logger *slog.Logger) (*Manager, error) {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return nil, fmt.Errorf("the watchdog of systemd: %w", err)
	}
	told, err := daemon.SdNotify(false, "STATUS=starting")
	if !told && err == nil {
		return nil, nil
	}
	m := &Manager{send: func(state string) error {
		_, err := daemon.SdNotify(false, state)
		return err
	}, watchdog: watchdog, logger: logger}
	return m, nil
}

// Run tells the manager what condition says until ctx ends, and then that the process
// stops. Until the process is ready the start is given more time, for as long as
// the process is live: how long a member waits for others, or for a snapshot, is not
// known beforehand. From then on the watchdog is fed, for as long as it is live. Run
// may wait for systemd, and does not return then.
func (m *Manager) Run(ctx context.Context, condition func() Condition) {
	every := look
	if m.watchdog > 0 {
		every = min(every, m.watchdog/4)
	}
	ticker := time.NewTicker(max(every, time.Millisecond))
	defer ticker.Stop()
	w := word{watchdog: m.watchdog > 0}
	for {
		m.tell(&w, w.of(condition(), time.Now()))
		select {
		case <-ctx.Done():
			m.tell(&w, []string{"STOPPING=1", "STATUS=stopping"})
			return
		case <-ticker.C:
		}
	}
}

// tell sends assignments, if there are any. That systemd cannot be told is logged
// when it begins.
func (m *Manager) tell(w *word, assignments []string) {
	if len(assignments) == 0 {
		return
	}
	err := m.send(strings.Join(assignments, "\n"))
	if err != nil {
		w.again()
		if !w.failed {
			m.logger.Warn("systemd cannot be told how this process does, and may end it", "error", err)
		}
	}
	w.failed = err != nil
}

// A word is what systemd was told last.
type word struct {
	watchdog bool
	ready    bool // the process was ready once
	told     bool // that it is ready
	status   string
	extended time.Time
	failed   bool
}

// again forgets what was told, so that all of it is told again. A process that was ready stays
// one: its watchdog is fed.
func (w *word) again() { w.told, w.status, w.extended = false, "", time.Time{} }

// of are the assignments that tell c.
func (w *word) of(c Condition, now time.Time) (list []string) {
	w.ready = w.ready || c.NotReady == nil
	if w.ready && !w.told {
		w.told = true
		list = append(list, daemon.SdNotifyReady)
	}
	if text := c.status(); text != w.status {
		w.status = text
		list = append(list, "STATUS="+text)
	}
	switch {
	case c.NotLive != nil:
	case !w.ready && now.Sub(w.extended) >= extendEvery:
		w.extended = now
		list = append(list, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extendBy.Microseconds()))
	case w.ready && w.watchdog:
		list = append(list, daemon.SdNotifyWatchdog)
	}
	return list
}
