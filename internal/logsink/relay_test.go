package logsink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/logsink"
)

// A logger of a relay goes on at once, however long the handler takes. The
// records that are kept are bounded, those that are dropped are counted and
// said when the handler goes on, and those that were kept arrive in order, with
// their attributes.
func TestARelayKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newReader()
		relay := logsink.NewRelay(text(log))
		logger := slog.New(relay.Handler()).With("member", 1)
		const more = 10
		for i := range logsink.MaxRecords + more {
			logger.WithGroup("g").InfoContext(context.Background(), "line", "i", i)
		}
		time.Sleep(3 * time.Second)
		if d, s := relay.Dropped(), relay.Stuck(); d != more || s < 3*time.Second {
			t.Errorf("%d records dropped and stuck for %v, want %d and 3s", d, s, more)
		}
		if relay.Flush(time.Second) {
			t.Error("flushed into a handler that waits")
		}
		close(log.reads)
		if !relay.Flush(time.Second) || relay.Stuck() != 0 {
			t.Error("not flushed")
		}
		lines := strings.Split(strings.TrimSpace(log.text()), "\n")
		if len(lines) != logsink.MaxRecords+1 {
			t.Fatalf("%d lines", len(lines))
		}
		for i, line := range lines[:logsink.MaxRecords] {
			if !strings.HasSuffix(line, fmt.Sprintf("msg=line member=1 g.i=%d", i)) {
				t.Fatalf("line %d is %s", i, line)
			}
		}
		if last := lines[logsink.MaxRecords]; !strings.Contains(last, "lines were dropped") || !strings.Contains(last, fmt.Sprint("lines=", more)) {
			t.Errorf("the last line is %s", last)
		}
	})
}

// The records that a relay keeps are bounded in bytes too, whatever form these
// have in a record.
func TestARelayKeepsSoManyBytes(t *testing.T) {
	text4k := strings.Repeat("x", 4<<10)
	for name, value := range map[string]any{
		"a text": text4k, "an error": errors.New(text4k), "bytes": []byte(text4k), "texts": []string{text4k[1:], "x"},
		"a group": slog.GroupValue(slog.String("inner", text4k)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newReader()
				relay := logsink.NewRelay(text(log))
				const most = logsink.MaxBytes / (4 << 10)
				for range 2 * most {
					slog.New(relay.Handler()).Info("large", "value", value)
				}
				if kept := 2*most - relay.Dropped(); kept > most || kept < most/2 {
					t.Errorf("%d records of 4 KiB are kept, want not much less than %d", kept, most)
				}
				close(log.reads)
				if !relay.Flush(time.Second) {
					t.Error("not flushed")
				}
			})
		})
	}
}

// An error that is a nil pointer is for the handler to put up with.
func TestARelayAsksNoNilPointer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay := logsink.NewRelay(text(io.Discard))
		slog.New(relay.Handler()).Info("failed", "error", (*fs.PathError)(nil))
		if !relay.Flush(time.Second) {
			t.Error("not flushed")
		}
	})
}

// A level that the handler does not want costs nothing, and a relay at rest has
// no goroutine: synctest would find it.
func TestARelayAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay := logsink.NewRelay(slog.DiscardHandler)
		slog.New(relay.Handler()).Error("nobody wants it")
		if relay.Stuck() != 0 || !relay.Flush(0) {
			t.Error("something waits")
		}
	})
}

// A record that waits shares nothing with its logger, which may go on with its own: the
// attributes that a handler adds to a record are those of one of the two alone.
func TestARelayedRecordSharesNothingWithItsLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newReader()
		relay := logsink.NewRelay(adding{text(log)})
		record := slog.NewRecord(time.Now(), slog.LevelInfo, "line", 0)
		for i := range 8 { // more than a record has in itself, so that there is room for one more
			record.AddAttrs(slog.Int(fmt.Sprint("a", i), i))
		}
		if err := relay.Handler().Handle(context.Background(), record); err != nil {
			t.Error(err)
		}
		record.AddAttrs(slog.String("of", "the logger"))
		close(log.reads)
		if !relay.Flush(2 * time.Second) {
			t.Fatal("not flushed")
		}
		if got := strings.TrimSpace(log.text()); !strings.HasSuffix(got, `a7=7 of="the handler"`) {
			t.Errorf("the line is %s", got)
		}
	})
}

// adding is a handler that adds an attribute to each record, when the log is read.
type adding struct{ slog.Handler }

func (a adding) Handle(ctx context.Context, r slog.Record) error {
	time.Sleep(time.Second) // of the bubble
	r.AddAttrs(slog.String("of", "the handler"))
	return a.Handler.Handle(ctx, r)
}
