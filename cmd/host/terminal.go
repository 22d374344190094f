package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// onTerminal reports whether what is written to w is seen by a person at once.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progress is one line on a terminal that is written again and again; nothing
// elsewhere.
type progress struct{ w io.Writer }

func newProgress(w io.Writer) progress {
	if !onTerminal(w) {
		w = nil
	}
	return progress{w}
}

func (p progress) show(format string, args ...any) {
	if p.w != nil {
		fmt.Fprintf(p.w, "\r\x1b[K"+format, args...)
	}
}

// clear makes room for what comes next.
func (p progress) clear() { p.show("") }

// inTerminal reports whether a person types what is read from in.
func inTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
