package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxLine is the most bytes that one line of a file may have.
const maxLine = 1 << 20

// A Run says how a history came about.
type Run struct {
	Nodes      int     `json:"nodes"`
	Seed       uint64  `json:"seed"`
	Seconds    float64 `json:"seconds"`
	Violations int     `json:"violations"`
	// Voters are the members that vote all the time but for faults.
	Voters []string `json:"voters,omitempty"`
	// Until is the moment at which the clients were told to end.
	Until int64 `json:"until,omitempty"`
	// Bound is for how many nanoseconds writes may pause while a majority is free of
	// faults; 0 for any time.
	Bound int64 `json:"bound,omitempty"`
}

// A File is a whole history.
type File struct {
	Run        Run
	Operations []Operation
	Faults     []Fault
}

// A line has exactly one of its fields.
type line struct {
	Run       *Run       `json:"run,omitempty"`
	Operation *Operation `json:"operation,omitempty"`
	Fault     *Fault     `json:"fault,omitempty"`
}

// Write writes a history to path: the run, the faults, the operations.
func (f *File) Write(path string) (err error) {
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("keep a history: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	buffered := bufio.NewWriter(out)
	if err := f.encode(json.NewEncoder(buffered)); err != nil {
		return fmt.Errorf("keep a history of %d operations in %s: %w", len(f.Operations), path, err)
	}
	return buffered.Flush()
}

func (f *File) encode(to *json.Encoder) error {
	if err := to.Encode(line{Run: &f.Run}); err != nil {
		return err
	}
	for i := range f.Faults {
		if err := to.Encode(line{Fault: &f.Faults[i]}); err != nil {
			return err
		}
	}
	for i := range f.Operations {
		if err := to.Encode(line{Operation: &f.Operations[i]}); err != nil {
			return err
		}
	}
	return nil
}

// Open reads the history at path.
func Open(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a history: %w", err)
	}
	defer in.Close()
	f, err := decode(in)
	if err != nil {
		return nil, fmt.Errorf("read the history %s: %w", path, err)
	}
	return f, nil
}

func decode(in io.Reader) (*File, error) {
	f := &File{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		switch {
		case l.Operation != nil:
			f.Operations = append(f.Operations, *l.Operation)
		case l.Fault != nil:
			f.Faults = append(f.Faults, *l.Fault)
		case l.Run != nil:
			f.Run = *l.Run
		default:
			return nil, fmt.Errorf("line %d is neither an operation, nor a fault, nor the run", n)
		}
	}
	return f, lines.Err()
}
