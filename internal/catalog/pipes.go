package catalog

import (
	"os"
	"time"
)

// outputPipes are the pipes of a child's standard output and standard error.
// The host reads them itself, never through exec.Cmd, so that waiting for the
// process does not wait for other processes that have inherited a write end.
type outputPipes struct {
	stdout, stderr             *os.File
	stdoutWriter, stderrWriter *os.File
}

func newOutputPipes() (*outputPipes, error) {
	var p outputPipes
	var err error
	if p.stdout, p.stdoutWriter, err = os.Pipe(); err != nil {
		return nil, err
	}
	if p.stderr, p.stderrWriter, err = os.Pipe(); err != nil {
		p.close()
		p.closeWriters()
		return nil, err
	}
	return &p, nil
}

// endReading makes readers return at the deadline at the latest.
func (p *outputPipes) endReading(deadline time.Time) {
	for _, f := range []*os.File{p.stdout, p.stderr} {
		if err := f.SetReadDeadline(deadline); err != nil {
			// Not pollable on this system: closing is the only way to end a
			// blocked read.
			_ = f.Close()
		}
	}
}

func (p *outputPipes) close() { closeAll(p.stdout, p.stderr) }

// closeWriters closes the child's ends in this process.
func (p *outputPipes) closeWriters() { closeAll(p.stdoutWriter, p.stderrWriter) }

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}
