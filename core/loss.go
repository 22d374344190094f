package core

import (
	"errors"
	"strings"
	"time"
)

// savePause is how long what could not be noted waits for the next attempt.
const savePause = 5 * time.Second

// watch looks again, since conflicts get old, until the host ends. It writes what
// is to be remembered, and tries again what could not be written.
func (i *identity) watch() {
	ticker := time.NewTicker(max(i.h.cfg.Election, 10*time.Millisecond))
	defer ticker.Stop()
	again := time.NewTicker(savePause)
	defer again.Stop()
	for {
		select {
		case <-i.h.quit:
			return
		case <-ticker.C:
			i.judge()
		case l := <-i.losses:
			if l.why != "" {
				i.lost(l.why)
			}
			if l.end != nil {
				i.h.fail(l.end)
			}
		case <-i.pins.wake:
			i.save()
		case <-again.C:
			i.save()
		}
	}
}

func (i *identity) save() {
	if !i.pins.unsaved() {
		return
	}
	if err := i.pins.save(); err != nil {
		i.h.logger.Error("what this host remembers of stores could not be noted: it tries again", "file", pinsName, "error", err)
	}
}

// loss is what is to be noted, and then ends the host.
type loss struct {
	why string
	end error
}

// end ends the host. A loss of data is noted first: the next start must know. It
// does not wait: transports and the raft goroutine call it.
func (i *identity) end(err error) {
	l := loss{end: err}
	if errors.Is(err, ErrLostData) {
		l.why = strings.TrimPrefix(err.Error(), ErrLostData.Error()+": ")
	}
	i.note(l)
}

// note hands a loss to watch. If two wait already, the host is ending.
func (i *identity) note(l loss) {
	select {
	case i.losses <- l:
	default:
	}
}

// lostData takes that a leader counts on entries that this member does not have.
func (i *identity) lostData(err error) {
	i.lossOnce.Do(func() { i.end(err) })
}

// lost notes that the store lost data.
func (i *identity) lost(why string) {
	if err := i.pins.lose(why); err != nil {
		i.h.logger.Error("the loss of data could not be noted: until it can be, the next start has to find it again", "error", err)
	}
}
