package catalog

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
)

// The streams that carry what a plugin writes. Plugins built with go-plugin
// send what they print after the handshake over their socket ("stdio").
const (
	stdoutStream = "stdout"
	stderrStream = "stderr"
)

const (
	// maxLogLine is the longest line that is logged; the rest is cut off.
	maxLogLine = 16 << 10
	// tailBytes is how much of standard error is kept for error messages.
	tailBytes = 64 << 10
)

// output turns the lines that one plugin process writes into log records. It
// reads without end, and fast enough that only a flood blocks its plugin on a full
// pipe; lines over the rate of a log are counted and dropped from it. All methods
// may be called concurrently.
type output struct {
	tail tail
	kept *lineRing
	rate *lineRate
	read *intake

	mu sync.Mutex
	// base has no attributes of the plugin yet; logger has those known so far.
	base, logger *slog.Logger
	name         string
	pid          int
}

// newOutput returns an output that logs to logger, with the plugin's name, and keeps the
// lines in kept.
func newOutput(logger *slog.Logger, name string, kept *lineRing) *output {
	o := &output{base: logger, logger: logger.With("plugin", name), name: name, kept: kept, read: newIntake()}
	o.rate = newLineRate(func(lines, size int) {
		o.kept.leftOut(o.processID(), lines, size)
		o.log().Warn("plugin writes too much: log lines were dropped", "lines", lines, "bytes", size)
	})
	return o
}

// started tells the process's id, for all further records.
func (o *output) started(pid int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pid = pid
	o.logger = o.base.With("plugin", o.name, "pid", pid)
}

// identify tells the name by which the plugin described itself.
func (o *output) identify(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.name = name
	o.logger = o.base.With("plugin", name, "pid", o.pid)
}

func (o *output) processID() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pid
}

func (o *output) log() *slog.Logger {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.logger
}

// close reports what was dropped last.
func (o *output) close() { o.rate.close() }

// copyFrom logs the lines of r until it ends.
func (o *output) copyFrom(stream string, r io.Reader) {
	w := o.writer(stream)
	_, _ = io.Copy(w, r)
	w.flush()
}

// writer returns a writer whose lines are logged as those of the stream.
func (o *output) writer(stream string) *lineWriter {
	var format lineFormat
	return &lineWriter{took: o.read.took, emit: func(line []byte, cut int) {
		if stream == stderrStream {
			o.tail.add(line)
		}
		o.logLine(stream, &format, line, cut)
	}}
}

func (o *output) logLine(stream string, format *lineFormat, line []byte, cut int) {
	if !o.rate.allow(len(line)) {
		return
	}
	o.kept.add(o.processID(), stream, string(line))
	record := format.parse(line)
	logger := o.log()
	if !logger.Enabled(context.Background(), record.level) {
		return
	}
	if stream != stderrStream {
		record.attrs = append(record.attrs, slog.String("stream", stream))
	}
	if cut > 0 {
		record.attrs = append(record.attrs, slog.Int("bytes_cut", cut))
	}
	logger.LogAttrs(context.Background(), record.level, record.message, record.attrs...)
}

// lineWriter splits what is written to it into lines of at most maxLogLine
// bytes. It is used by one goroutine at a time.
type lineWriter struct {
	// emit gets each line without its end, and the number of bytes that were
	// cut off. It must not keep the slice.
	emit func(line []byte, cut int)
	// took is called with all that was written, and may wait; nil: it is not.
	took func(p []byte)
	buf  []byte
	cut  int
}

// Write implements io.Writer; it never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	if w.took != nil {
		defer w.took(p)
	}
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			w.add(p)
			return n, nil
		}
		w.add(p[:i])
		w.flush()
		p = p[i+1:]
	}
}

func (w *lineWriter) add(p []byte) {
	take := min(len(p), maxLogLine-len(w.buf))
	w.buf = append(w.buf, p[:take]...)
	w.cut += len(p) - take
}

// flush emits what is left without an end of line.
func (w *lineWriter) flush() {
	if line := bytes.TrimRight(w.buf, " \t\r"); len(line) > 0 {
		w.emit(line, w.cut)
	}
	w.buf, w.cut = w.buf[:0], 0
}

// tail keeps the last lines, up to tailBytes. The zero value is ready to use.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) add(line []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(append(t.buf, line...), '\n')
	// Cut only when twice the size, so that adding a line stays cheap.
	if len(t.buf) > 2*tailBytes {
		t.buf = append(t.buf[:0], t.last()...)
	}
}

// last returns the last tailBytes, from the start of a line on if there is one.
func (t *tail) last() []byte {
	if len(t.buf) <= tailBytes {
		return t.buf
	}
	last := t.buf[len(t.buf)-tailBytes:]
	if i := bytes.IndexByte(last[:len(last)-1], '\n'); i >= 0 {
		last = last[i+1:]
	}
	return last
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.last())
}
