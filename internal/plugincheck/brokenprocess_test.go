//go:build linux

package plugincheck

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
)

// A brokenProcess is a plugin whose process breaks one rule of docs/plugins/protocol.md.
type brokenProcess struct {
	rule   string
	breaks func() // before the plugin is served
}

func brokenProcesses() map[string]brokenProcess {
	return map[string]brokenProcess{
		"writes before its handshake": {"P-3", func() { fmt.Println("starting") }},
		"has a field too many":        {"P-3", func() { changeLine(func(line string) string { return line + "|" }) }},
		"sends a certificate":         {"P-3", func() { changeLine(func(line string) string { return line + "MIIB" }) }},
		"listens elsewhere": {"P-2", func() {
			dir, err := os.MkdirTemp("", "else-")
			if err != nil {
				panic(err)
			}
			os.Setenv("PLUGIN_UNIX_SOCKET_DIR", dir)
		}},
		"ends at an interrupt":             {"P-7", func() { endAt(os.Interrupt) }},
		"ends when it is asked to":         {"P-7", func() { endAt(syscall.SIGTERM) }},
		"outlives its host":                {"P-6", outlive},
		"leaves a child in another group":  {"P-6", leaveChild},
		"says another version of its host": {"P-3", func() { changeLine(func(line string) string { return strings.Replace(line, "1|1|", "1|2|", 1) }) }},
	}
}

// changeLine has the first line on standard output changed on its way.
func changeLine(change func(string) string) {
	out := os.Stdout
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	os.Stdout = w
	go func() {
		lines := bufio.NewReader(r)
		line, _ := lines.ReadString('\n')
		fmt.Fprintln(out, change(strings.TrimSuffix(line, "\n")))
		_, _ = io.Copy(out, lines)
	}()
}

// endAt ends the process at a signal that comes after the handshake.
func endAt(s os.Signal) {
	changeLine(func(line string) string {
		came := make(chan os.Signal, 1)
		signal.Notify(came, s)
		go func() {
			<-came
			os.Exit(1)
		}()
		return line
	})
}

// outlive has the process live on when its standard input ends.
func outlive() {
	r, _, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	os.Stdin = r
}

// leaveChild starts a process that the end of the group does not reach.
func leaveChild() {
	child := exec.Command("sleep", "60")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		panic(err)
	}
}
