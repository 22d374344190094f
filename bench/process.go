package main

import (
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	// stopTime is how long a node may take to end after SIGTERM before it is killed.
	stopTime = 20 * time.Second
	// keptOutput is how much of a node's last output is kept for error messages.
	keptOutput = 4096
)

// process is a node that runs as a process of its own. Where the system allows, it dies with this one.
type process struct {
	name   string
	cmd    *exec.Cmd
	output *outputTail
	// done is closed when the process has ended; err is set before.
	done chan struct{}
	err  error
}

// startProcess starts the executable at path. Name is for error messages.
func startProcess(name, path string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(path, args...), output: new(outputTail), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = dieWithParent()
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

// stop asks the process to end, waits for it, and kills it when it takes too long, which is an error.
// To stop a process that has ended already is not an error.
func (p *process) stop() error {
	if p.exited() != nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && p.exited() == nil {
		return fmt.Errorf("signal %s: %w", p.name, err)
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
	return fmt.Errorf("%s did not end within %v of SIGTERM and was killed; its last output: %s", p.name, stopTime, p.output)
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
