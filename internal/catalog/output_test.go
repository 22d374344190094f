package catalog

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestLineFormats(t *testing.T) {
	for line, want := range map[string]lineRecord{
		`{"@level":"warn","@message":"m","@module":"x"}`: {level: slog.LevelWarn, message: "m", attrs: []slog.Attr{slog.String("module", "x")}},
		`{"level":"INFO","msg":"m","a":{"b":1}}`:         {level: slog.LevelInfo, message: "m", attrs: []slog.Attr{slog.Any("a", "map[b:1]")}},
		`{"level":"WARN+1","msg":"m"}`:                   {level: slog.LevelWarn + 1, message: "m"},
		`{"@level":"trace","@message":"m"}`:              {level: slog.LevelDebug, message: "m"},
		`{"level":"loud","msg":"m"}`:                     {level: slog.LevelInfo, message: `{"level":"loud","msg":"m"}`},
		`{"level":"info"}`:                               {level: slog.LevelInfo, message: `{"level":"info"}`},
		`{"level":3,"msg":[]}`:                           {level: slog.LevelInfo, message: `{"level":3,"msg":[]}`},
		`{`:                                              {level: slog.LevelInfo, message: `{`},
		`[ERR] x`:                                        {level: slog.LevelError, message: "x"},
		`[12] x`:                                         {level: slog.LevelInfo, message: "[12] x"},
		"a\xffb":                                         {level: slog.LevelInfo, message: "a\uFFFDb"},
		"panic: runtime error":                           {level: slog.LevelError, message: "panic: runtime error"},
	} {
		var f lineFormat
		got := f.parse([]byte(line))
		if got.level != want.level || got.message != want.message || !slices.EqualFunc(got.attrs, want.attrs, func(a, b slog.Attr) bool { return a.String() == b.String() }) {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

func TestAfterAPanicEveryLineIsAnError(t *testing.T) {
	var f lineFormat
	if got := f.parse([]byte("goroutine 1")).level; got != slog.LevelInfo {
		t.Errorf("level before the panic: %v", got)
	}
	f.parse([]byte("fatal error: all goroutines are asleep"))
	if got := f.parse([]byte("goroutine 1 [running]:")).level; got != slog.LevelError {
		t.Errorf("level after the panic: %v", got)
	}
}

func FuzzLineFormat(f *testing.F) {
	f.Add([]byte(`{"@message":1,"@level":{},"@timestamp":[]}`))
	f.Add([]byte(`[WARN] x`))
	f.Add([]byte(`{"level":"info","msg":"x","a":[[[[1]]]]}`))
	f.Fuzz(func(_ *testing.T, line []byte) {
		out := newOutput(slog.New(slog.NewJSONHandler(io.Discard, nil)), "x", new(lineRing))
		w := out.writer(stderrStream)
		_, _ = w.Write(line)
		w.flush()
		_ = indentStderr(out.tail.String())
	})
}

// A flood is read at a rate, so that it costs the time of its plugin; what any honest
// process writes at once is read at once.
func TestAFloodIsReadAtARate(t *testing.T) {
	for name, c := range map[string]struct {
		line    string
		lines   int
		atLeast time.Duration
		atMost  time.Duration
	}{
		"the stacks of a process": {strings.Repeat("s", 200) + "\n", 60_000, 0, 0},
		"bytes without an end":    {strings.Repeat("f", 1023) + "\n", 64 << 10, 11 * time.Second, 20 * time.Second},
		"lines without an end":    {"\n", 1 << 20, 11 * time.Second, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := newOutput(slog.New(slog.DiscardHandler), "x", new(lineRing))
				defer out.close()
				begun := time.Now()
				out.copyFrom(stderrStream, struct{ io.Reader }{strings.NewReader(strings.Repeat(c.line, c.lines))})
				if took := time.Since(begun); took < c.atLeast || took > c.atMost {
					t.Errorf("read in %v", took)
				}
			})
		})
	}
}

// However the bytes are cut into writes, the lines are the same.
func TestLinesDoNotDependOnHowTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab\n\r ]{0,60}`).Draw(t, "text")
		var got, want []string
		w := &lineWriter{emit: func(line []byte, _ int) { got = append(got, string(line)) }}
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			_, _ = io.WriteString(w, rest[:n])
			rest = rest[n:]
		}
		w.flush()
		for line := range strings.SplitSeq(text, "\n") {
			if line = strings.TrimRight(line, " \r"); line != "" {
				want = append(want, line)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	})
}

func TestALineThatIsTooLongIsCutAndTheNextOneIsNot(t *testing.T) {
	var lengths, cuts []int
	w := &lineWriter{emit: func(line []byte, cut int) { lengths, cuts = append(lengths, len(line)), append(cuts, cut) }}
	_, _ = io.WriteString(w, strings.Repeat("x", maxLogLine+10)+"\nshort\n")
	if !slices.Equal(lengths, []int{maxLogLine, 5}) || !slices.Equal(cuts, []int{10, 0}) {
		t.Errorf("lengths %v, cuts %v", lengths, cuts)
	}
	if cap(w.buf) > 4*maxLogLine {
		t.Errorf("the buffer grew to %d bytes", cap(w.buf))
	}
}

func TestTheTailKeepsWholeLastLines(t *testing.T) {
	var tl tail
	for i := range 10_000 {
		tl.add(fmt.Appendf(nil, "line %d", i))
	}
	text := tl.String()
	if len(text) > tailBytes || len(text) < tailBytes-20 {
		t.Errorf("kept %d bytes", len(text))
	}
	if !strings.HasPrefix(text, "line ") || !strings.HasSuffix(text, "\nline 9999\n") {
		t.Errorf("kept %q … %q", text[:20], text[len(text)-20:])
	}
	tl.add([]byte(strings.Repeat("z", 3*tailBytes)))
	if got := len(tl.String()); got > tailBytes {
		t.Errorf("kept %d bytes of one long line", got)
	}
}

func TestLinesOverTheRateAreCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type report struct{ lines, size int }
		var reports []report
		r := newLineRate(func(lines, size int) { reports = append(reports, report{lines, size}) })
		allowed := 0
		for range rateLines + 7 {
			if r.allow(10) {
				allowed++
			}
		}
		if allowed != rateLines || len(reports) != 0 {
			t.Errorf("allowed %d, reports %v", allowed, reports)
		}
		<-time.After(rateWindow)
		synctest.Wait()
		if !slices.Equal(reports, []report{{7, 70}}) {
			t.Errorf("reports %v", reports)
		}
		if !r.allow(rateBytes) || r.allow(1) {
			t.Error("a new window does not begin with its whole allowance of bytes")
		}
		r.close()
		if !slices.Equal(reports, []report{{7, 70}, {1, 1}}) {
			t.Errorf("reports after close: %v", reports)
		}
	})
}
