package main

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

const (
	// stopTime is how long a node may take to end before it is killed.
	stopTime = 20 * time.Second
	// keptOutput is how much of a node's last output is kept for error messages.
	keptOutput = 4096
)

// process is a node that runs as a process of its own. Its standard input is a lifeline: it ends when that
// does, be it that stop closes it or that this process dies.
type process struct {
	name     string
	cmd      *exec.Cmd
	lifeline io.Closer
	output   *outputTail
	// done is closed when the process has ended; err is set before.
	done chan struct{}
	err  error
}

// startProcess starts the executable at path. Name is for error messages.
func startProcess(name, path string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(path, args...), output: new(outputTail), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	lifeline, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.lifeline = lifeline
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// exited returns nil while the process runs, and afterwards an error with its last output.
func (p *process) exited() error {
	select {
	case <-p.done:
		if p.err == nil {
			return fmt.Errorf("%s has ended; its last output: %s", p.name, p.output)
		}
		return fmt.Errorf("%s has ended: %w; its last output: %s", p.name, p.err, p.output)
	default:
		return nil
	}
}

// stop closes the lifeline, waits for the process, and kills it when it takes too long, which is an error.
// To stop a process that has ended already is not an error.
func (p *process) stop() error {
	if p.exited() != nil {
		return nil
	}
	if err := p.lifeline.Close(); err != nil && p.exited() == nil {
		return fmt.Errorf("close the lifeline of %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTime):
	}
	if err := p.cmd.Process.Kill(); err != nil && p.exited() == nil {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	return fmt.Errorf("%s did not end within %v and was killed; its last output: %s", p.name, stopTime, p.output)
}

// stopAll stops all processes at the same time.
func stopAll(processes []*process) error {
	errs := make([]error, len(processes))
	var wg sync.WaitGroup
	for i, p := range processes {
		wg.Go(func() { errs[i] = p.stop() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// outputTail keeps the end of what is written to it.
type outputTail struct {
	mu   sync.Mutex
	tail []byte
}

func (o *outputTail) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = append(o.tail, b...)
	if extra := len(o.tail) - keptOutput; extra > 0 {
		o.tail = append(o.tail[:0], o.tail[extra:]...)
	}
	return len(b), nil
}

func (o *outputTail) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.tail) == 0 {
		return "(none)"
	}
	return string(o.tail)
}
