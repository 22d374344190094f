package core

import (
	"errors"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

// savePause is how long what could not be noted waits for the next attempt.
const savePause = 5 * time.Second

// lossPatience is how long the end of the host waits for the disk that is to note
// why.
const lossPatience = 2 * time.Second

// watch looks again, since conflicts get old, until the host ends. It does not
// wait for the disk.
func (i *identity) watch() {
	i.h.wg.Go(i.keep)
	ticker := time.NewTicker(max(i.h.cfg.Election, 10*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-i.h.life.Done():
			i.noteRest(i.lose)
			return
		case <-ticker.C:
			i.judge()
		case l := <-i.losses:
			i.lose(l)
		}
	}
}

// keep writes what is to be remembered, until the host ends, and tries again what
// could not be written.
func (i *identity) keep() {
	again := time.NewTicker(savePause)
	defer again.Stop()
	for {
		select {
		case <-i.h.life.Done():
			i.save()
			return
		case <-i.pins.wake:
			i.save()
		case <-again.C:
			i.save()
		}
	}
}

// lose notes a loss, and then ends the host, noted or not: it must not go on
// because a disk stands still.
func (i *identity) lose(l loss) {
	noted := make(chan struct{})
	i.h.wg.Go(func() {
		defer close(noted)
		if l.why != "" {
			i.lost(l.why)
		}
	})
	if !pause.Until(noted, lossPatience) {
		i.h.logger.Error("the loss of data could not be noted in time: until it can be, the next start has to find it again")
	}
	if l.end != nil {
		i.h.fail(l.end)
	}
}

// noteRest notes what still waits when the host ends: the next start must know of
// a loss, whatever else this end is for.
func (i *identity) noteRest(note func(loss)) {
	for {
		select {
		case l := <-i.losses:
			note(l)
		default:
			return
		}
	}
}

func (i *identity) save() {
	if !i.pins.unsaved() {
		return
	}
	if err := i.pins.save(); err != nil {
		i.h.logger.Error("what this host remembers of stores could not be noted: it tries again", "file", datadir.PinsName, "error", err)
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
