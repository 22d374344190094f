package dev

import (
	"context"
	"os"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

const (
	// lookEvery is the time between two looks at an executable.
	lookEvery = 300 * time.Millisecond
	// settled is in how many looks its sum must be the same until it is taken: a linker
	// that maps the file writes on without a new time or size.
	settled = 3
)

// A look is the size and the time of a file, which need no reading; the zero value if it is not there.
type look struct {
	size    int64
	changed time.Time
}

func lookAt(path string) look {
	info, err := os.Stat(path)
	if err != nil {
		return look{}
	}
	return look{info.Size(), info.ModTime()}
}

// await waits until the file at path has another sum than before, and returns that. It
// returns false at the end of ctx.
func await(ctx context.Context, path, before string) (sum string, changed bool) {
	var last look
	same := 0
	for pause.For(ctx, lookEvery) {
		now := lookAt(path)
		if now == last && same >= settled {
			continue
		}
		last = now
		read, err := catalog.SumOf(path)
		if err != nil || read != sum {
			sum, same = read, 0 // of a file that is being replaced the next look tells
			continue
		}
		if same++; same == settled && sum != before {
			return sum, true
		}
	}
	return "", false
}
