package catalog

import (
	"bytes"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/bucket"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

// The most that the host reads of what one plugin process writes. Of more than that the
// process itself has to wait: a flood is to cost the plugin its time, not the host.
const (
	readBytes = 4 << 20  // in a second
	readBurst = 16 << 20 // at once, as the stacks of a process that ends
	// lineBytes is what a line counts for besides its own bytes.
	lineBytes = 64
	// mostPause bounds the time of one pause: what ends the reading is then noticed soon.
	mostPause = time.Second
)

// intake bounds how fast the output of one process is read.
type intake struct {
	ended chan struct{} // closed by end

	mu     sync.Mutex
	credit *bucket.Bucket
}

func newIntake() *intake {
	return &intake{ended: make(chan struct{}), credit: bucket.New(readBytes, readBurst, time.Now())}
}

// end ends all pauses: the process has ended, and what it wrote last is read at once.
func (i *intake) end() { close(i.ended) }

// took waits for as long as what was read now was too much.
func (i *intake) took(p []byte) {
	i.mu.Lock()
	wait := i.credit.Spend(len(p)+lineBytes*bytes.Count(p, []byte("\n")), time.Now())
	i.mu.Unlock()
	if wait > 0 {
		pause.Until(i.ended, min(wait, mostPause))
	}
}
