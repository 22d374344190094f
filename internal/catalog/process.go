package catalog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

// drainGrace is how long output is still read after a process has ended, in
// case something that escaped from its group keeps the pipes open. The output
// of the process itself is in the pipes already.
const drainGrace = 100 * time.Millisecond

// errNoHandshake: the plugin's standard output ended before its first line.
var errNoHandshake = errors.New("closed its standard output without a handshake")

// A process is one plugin process from its start until it is reaped, its group
// is killed and its output is read to the end.
type process struct {
	plan   plan
	output *output
	// env and socketDir are what go-plugin prepared.
	env       []string
	socketDir string

	// firstLine carries the first line on standard output, or is closed if
	// there was none.
	firstLine chan string
	// exited is closed when the process is reaped; cmd.ProcessState is set
	// then. drained is closed when its output has been read as well.
	exited, drained chan struct{}

	// lifeline is the write end of the child's standard input. Only the host
	// has it, so its end is the child's end of file.
	lifeline *os.File

	// mu guards the fields below, and that no signal is sent after reaping.
	mu      sync.Mutex
	cmd     *exec.Cmd
	running bool
	// reason is why the host killed the process; the first one counts.
	reason string
}

func newProcess(pl plan, out *output) *process {
	return &process{
		plan: pl, output: out,
		firstLine: make(chan string, 1),
		exited:    make(chan struct{}), drained: make(chan struct{}),
	}
}

// begin implements occupant: it verifies and executes the file and waits for the
// handshake.
func (p *process) begin(ctx context.Context) (line, socketDir string, err error) {
	exe, err := openExecutable(p.plan.path, p.plan.sum)
	if err != nil {
		if isPermanentFile(err) {
			return "", "", misconfigured{err}
		}
		return "", "", err
	}
	if err := p.start(exe, exe.environment(Environment(p.plan.env, p.env))); err != nil {
		return "", "", err
	}
	line, err = p.handshakeLine(ctx)
	return line, p.socketDir, err
}

// start executes exe and returns when the process runs, or with the error that
// kept it from running. exe is closed in both cases.
func (p *process) start(exe *executable, env []string) error {
	started := make(chan error, 1)
	go p.run(exe, env, started)
	return <-started
}

// run is the goroutine of the process, from fork to reaping. It keeps its
// thread, because the kernel sends the parent-death signal when the thread that
// forked ends.
func (p *process) run(exe *executable, env []string, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pipes, err := p.spawn(exe, env)
	started <- err
	if err != nil {
		close(p.exited)
		close(p.drained)
		return
	}
	var readers sync.WaitGroup
	readers.Go(func() { p.readStdout(pipes.stdout) })
	readers.Go(func() { p.output.copyFrom(stderrStream, pipes.stderr) })

	// The exit status is read from cmd.ProcessState.
	_ = reap(p.cmd, p.ended)
	close(p.exited)
	p.output.read.end()
	_ = p.lifeline.Close()
	pipes.endReading(time.Now().Add(drainGrace))
	readers.Wait()
	pipes.close()
	p.output.close()
	close(p.drained)
}

// ended kills what is left of the group and forbids further signals.
func (p *process) ended() {
	p.mu.Lock()
	defer p.mu.Unlock()
	killGroup(p.cmd.Process)
	p.running = false
}

// spawn starts the child with pipes for its three standard streams.
func (p *process) spawn(exe *executable, env []string) (*outputPipes, error) {
	defer exe.close()
	stdin, lifeline, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = stdin.Close() }()
	pipes, err := newOutputPipes()
	if err != nil {
		_ = lifeline.Close()
		return nil, err
	}
	defer pipes.closeWriters()
	if err := exe.stepAside(stdin, pipes.stdoutWriter, pipes.stderrWriter); err != nil {
		_ = lifeline.Close()
		pipes.close()
		return nil, err
	}
	cmd := exe.command(p.plan.args)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, pipes.stdoutWriter, pipes.stderrWriter
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		_ = lifeline.Close()
		pipes.close()
		return nil, execError(err)
	}
	p.mu.Lock()
	p.cmd, p.lifeline, p.running = cmd, lifeline, true
	p.mu.Unlock()
	p.output.started(cmd.Process.Pid)
	if err := exe.unchanged(); err != nil {
		p.kill(err.Error())
	}
	return pipes, nil
}

// execError says why the system did not execute a file, without the path of
// the descriptor, which means nothing to a reader.
func execError(err error) error {
	var number syscall.Errno
	if !errors.As(err, &number) {
		return err
	}
	switch number {
	case syscall.ENOEXEC:
		return misconfigured{errors.New("cannot be executed: it is no program for this machine")}
	case syscall.ENOENT:
		return misconfigured{errors.New("cannot be executed: its interpreter (the first line of a script, or the dynamic loader) does not exist")}
	case syscall.EACCES, syscall.EPERM, syscall.ELOOP, syscall.ENOTDIR, syscall.E2BIG:
		return misconfigured{fmt.Errorf("cannot be executed: %w", number)}
	default:
		return fmt.Errorf("cannot be executed: %w", number)
	}
}

// readStdout hands over the first line and logs the rest: nothing but the
// handshake belongs on standard output, but what is there must not block the
// plugin.
func (p *process) readStdout(r io.Reader) {
	in := bufio.NewReaderSize(r, maxHandshakeBytes)
	line, err := in.ReadSlice('\n')
	if len(line) > 0 {
		p.firstLine <- string(line)
	}
	close(p.firstLine)
	if err == nil || errors.Is(err, bufio.ErrBufferFull) {
		p.output.copyFrom(stdoutStream, in)
	}
}

// handshakeLine waits for the first line on standard output. The caller kills
// the process when ctx ends.
func (p *process) handshakeLine(ctx context.Context) (string, error) {
	select {
	case line, ok := <-p.firstLine:
		if ok {
			return line, nil
		}
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	// The end of the output is most often that of the process.
	pause.Until(p.exited, exitGrace)
	return "", errNoHandshake
}

// pid returns the process id; 0 if it never ran.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// kill sends SIGKILL to the process and its group, unless it has ended. The
// reason shows in its ExitError.
func (p *process) kill(reason string) { p.signal(reason, killGroup) }

// dump asks the process for the stacks of its goroutines, upon which a Go
// program ends.
func (p *process) dump(reason string) { p.signal(reason, askForDump) }

func (p *process) signal(reason string, send func(*os.Process)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running {
		return
	}
	// The reason is the host's only if the host ends the process. It often
	// notices the broken connection of one first that another program has
	// killed, or that is exiting by itself.
	if p.reason == "" && !ending(p.cmd.Process.Pid) {
		p.reason = reason
	}
	send(p.cmd.Process)
}

// isEnding tells whether nothing can keep the process from its end any more.
func (p *process) isEnding() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.running || ending(p.cmd.Process.Pid)
}

// cutLifeline closes the child's standard input: a plugin takes this for the
// end of its host and exits.
func (p *process) cutLifeline() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running {
		_ = p.lifeline.Close()
	}
}

// exit describes how the process ended. It must not be called before exited is
// closed; the tail of standard error is complete after drained is closed.
func (p *process) exit() ExitError {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := ExitError{Reason: p.reason, Stderr: p.output.tail.String(), Code: -1}
	if p.cmd != nil && p.cmd.ProcessState != nil {
		e.PID = p.cmd.Process.Pid
		e.Code, e.Signal = exitStatus(p.cmd.ProcessState)
	}
	return e
}
