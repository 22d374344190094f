//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A host that was started to ignore a hang-up, as nohup does it, goes on when
// its terminal is gone; any other one stops in order.
func TestAHangUpEndsNoHostUnderNohup(t *testing.T) {
	t.Run("under nohup", func(t *testing.T) {
		n := newSingle(t)
		n.host = startCommand(t, n.logPath, n.args(), func(cmd *exec.Cmd) {
			cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
			cmd.Path = "/bin/sh"
		})
		n.awaitReady()
		n.host.Signal(t, syscall.SIGHUP)
		load := startWorkload(t, n)
		load.progress(200)
		load.stop()
		n.stop()
	})
	t.Run("otherwise", func(t *testing.T) {
		// A test that is itself run under nohup would hand on that the signal
		// is ignored: a signal that is caught is not.
		caught := make(chan os.Signal, 1)
		signal.Notify(caught, syscall.SIGHUP)
		defer signal.Stop(caught)
		n := newSingle(t)
		n.startReady()
		n.host.Signal(t, syscall.SIGHUP)
		n.stopped(stopTime)
	})
}

// The variables that Kubernetes makes of a service that is called pontoon-api stop
// no host: it says that it ignores the variables, and serves.
func TestVariablesOfAServiceStopNoHost(t *testing.T) {
	n := newSingle(t)
	n.host = startCommand(t, n.logPath, n.args(), func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Environ(), "PONTOON_API_PORT=tcp://10.0.0.1:7401", "PONTOON_API_SERVICE_HOST=10.0.0.1")
	})
	n.awaitReady()
	log := n.host.Log()
	if !strings.Contains(log, "are ignored") || !strings.Contains(log, "PONTOON_API_PORT PONTOON_API_SERVICE_HOST") {
		t.Errorf("the log does not name the variables:\n%s", n.host.LastLines(20))
	}
	n.stop()
}

// startCommand starts a host as live.StartHost does, with a command that edit has changed.
func startCommand(t testing.TB, logPath string, args []string, edit func(*exec.Cmd)) *live.Host {
	t.Helper()
	log := live.OpenLog(t, logPath)
	defer log.Close()
	cmd := live.ServeCommand(hostProgram(t), log, args...)
	edit(cmd)
	return live.StartServing(t, logPath, cmd)
}
