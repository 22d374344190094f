package pluginrpc

import (
	"strings"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Occupation is the last word of a plugin on its long work.
type Occupation struct {
	plugins.Busy // without a text if it is not busy
	// Since is when it began to be busy; zero if it is not. Rose is when Progress was last heard
	// to be greater than ever before in the life of the process, also if it is not busy any more;
	// zero if it never was.
	Since, Rose time.Time
}

// Occupations takes the words of one process about its work, in their order. It is not for
// concurrent use.
type Occupations struct {
	now  Occupation
	most uint64 // the greatest progress ever
	rose time.Time
}

// Heard takes what the process says at a time, and returns what it is at. The error, a
// plugins.ErrBadAnswer, says what makes it unusable.
func (o *Occupations) Heard(busy plugins.Busy, now time.Time) (Occupation, error) {
	if err := checkBusy(busy); err != nil {
		return o.now, err
	}
	if busy.Progress > o.most {
		o.most, o.rose = busy.Progress, now
	}
	switch {
	case busy.What == "":
		o.now = Occupation{Rose: o.rose}
	case o.now.What == "":
		o.now = Occupation{Busy: busy, Since: now, Rose: o.rose}
	default:
		o.now.Busy, o.now.Rose = busy, o.rose
	}
	return o.now, nil
}

// checkBusy says what makes the words unusable, as a plugins.ErrBadAnswer.
func checkBusy(b plugins.Busy) error {
	switch n := len(b.What); {
	case n > plugins.MaxBusyBytes:
		return Breach("SM-53", "busy with a text of %d bytes, at most %d", n, plugins.MaxBusyBytes)
	case strings.IndexFunc(b.What, notShown) >= 0:
		return Breach("SM-53", "busy with %q, which cannot be printed", b.What)
	}
	return nil
}

// goBusy is the reverse of busyOf.
func goBusy(b *pluginv1.Busy) plugins.Busy {
	if b == nil {
		return plugins.Busy{}
	}
	return plugins.Busy(*b)
}

// busyOf is b as it travels; nil if there is no work.
func busyOf(b plugins.Busy) *pluginv1.Busy {
	if b.What == "" {
		return nil
	}
	return &pluginv1.Busy{What: b.What, Progress: b.Progress}
}

// Occupation is the plugin's long work, by its last answer.
func (s *Session) Occupation() Occupation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.work.now
}
