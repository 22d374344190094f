package events

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func logger(r *Ring, level slog.Level) (*slog.Logger, *strings.Builder) {
	var text strings.Builder
	return slog.New(r.Handler(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: level}))), &text
}

// One call is the line of the log and the event: with its kind, its severity and typed
// fields. A line without a kind is in the log alone, and an event is kept below the level of
// the log.
func TestALineIsAnEventByItsKind(t *testing.T) {
	r := New()
	log, text := logger(r, slog.LevelWarn)
	log = log.With("kind", "storage")
	log.Warn("plugin ended", "event", Plugin, "exits", uint64(3), "last", true, "again_in", 2*time.Second, "error", errors.New("exit status 1"))
	log.Warn("something else", "event", "plugin") // a text, as a plugin could log it
	log.Info("below the level", "event", Leader)
	log.With("event", Leader, "term", 3).Warn("of a logger for events")
	got, lost, _ := r.After(0, 10)
	if len(got) != 3 || got[2].Kind != Leader || len(got[2].Fields) != 2 || lost != 0 {
		t.Fatalf("%d events, %d lost", len(got), lost)
	}
	e := got[0]
	if e.Number != 1 || e.Kind != Plugin || e.Severity != slog.LevelWarn || e.Sentence != "plugin ended" || e.Times != 1 {
		t.Errorf("%+v", e)
	}
	if want := fmt.Sprint([]Field{{"kind", "storage"}, {"exits", int64(3)}, {"last", true}, {"again_in_ms", int64(2000)}, {"error", "exit status 1"}}); fmt.Sprint(e.Fields) != want {
		t.Errorf("fields %v, want %s", e.Fields, want)
	}
	if !strings.Contains(text.String(), `msg="plugin ended" kind=storage event=plugin exits=3`) || strings.Contains(text.String(), "below") {
		t.Errorf("log: %s", text)
	}
	if Below(log).Enabled(t.Context(), slog.LevelInfo) || !log.Enabled(t.Context(), slog.LevelInfo) {
		t.Error("the level of the log is another one")
	}
}

// The ring is bounded by a count and by bytes. Events that make way are counted, and a reader that
// was too slow is told how many numbers it has not seen.
func TestTheOldestEventsMakeWay(t *testing.T) {
	for name, r := range map[string]*Ring{"count": newRing(4, 1<<20), "bytes": newRing(100, 4*(&Event{Sentence: "event 0"}).size())} {
		t.Run(name, func(t *testing.T) {
			log, _ := logger(r, slog.LevelError)
			for i := range 9 {
				log.Info(fmt.Sprintf("event %d", i), "event", Leader)
			}
			got, lost, _ := r.After(2, 100)
			if len(got) != 4 || got[0].Number != 6 || lost != 3 {
				t.Errorf("%d events from %d on, %d lost", len(got), got[0].Number, lost)
			}
			if all, overwritten, kept := r.Counts(); all != 9 || overwritten != 5 || kept != 4 {
				t.Errorf("%d in all, %d overwritten, %d kept", all, overwritten, kept)
			}
			if _, lost, _ := r.After(9, 100); lost != 0 {
				t.Errorf("%d lost by a reader that has all", lost)
			}
		})
	}
}

// An event that happens again takes one place, with a new number and how often it has
// happened since when; after a pause it is another one.
func TestARepeatedEventIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New()
		log, _ := logger(r, slog.LevelError)
		first := time.Now()
		for range 41 {
			log.Warn("slow", "event", Plugin, "kind", "storage")
			log.Warn("slow", "event", Plugin, "kind", "transport")
			time.Sleep(time.Second)
		}
		got, _, _ := r.After(0, 100)
		if len(got) != 2 || got[0].Times != 41 || !got[0].Since.Equal(first) || got[1].Number != 82 {
			t.Errorf("%d events, the first %+v", len(got), got[0])
		}
		time.Sleep(repeatWithin)
		log.Warn("slow", "event", Plugin, "kind", "storage")
		if got, _, _ = r.After(82, 100); len(got) != 1 || got[0].Times != 1 {
			t.Errorf("after a pause: %+v", got)
		}
	})
}

// The last words of a plugin are cut at a limit, and steer no terminal.
func TestTheWordsOfAPluginAreBounded(t *testing.T) {
	r := New()
	log, _ := logger(r, slog.LevelError)
	log.Warn("plugin ended", "event", Plugin, "error", "a\x1b[2Jb\nc\xff"+strings.Repeat("ä", 4096))
	got, _, _ := r.After(0, 1)
	text := got[0].Fields[0].Value.(string)
	if len(text) > MaxText || !strings.HasPrefix(text, "a [2Jb c?ä") || !strings.HasSuffix(text, "ä…") {
		t.Errorf("%d bytes: %.20q … %q", len(text), text, text[len(text)-8:])
	}
}

// Those that wait for events are woken by each, and a log that is not read holds up none.
func TestAWaitEndsWithTheNextEvent(t *testing.T) {
	r := New()
	log := slog.New(r.Handler(slog.NewTextHandler(io.Discard, nil)))
	_, _, changed := r.After(0, 1)
	log.Info("leads", "event", Leader)
	<-changed
	if got, _, again := r.After(0, 1); len(got) != 1 || again == changed {
		t.Error("the event that ended the wait is not there")
	}
}
