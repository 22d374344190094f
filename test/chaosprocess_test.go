//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// processLies are those that a plugin of each kind can tell.
func processLies() map[string]lie {
	return map[string]lie{
		"describe: another kind": {describe: func(i *plugins.Info) {
			if i.Kind == plugins.Storage {
				i.Kind = plugins.Transport
			} else {
				i.Kind = plugins.Storage
			}
		}},
		"describe: another version":                 {describe: func(i *plugins.Info) { i.Protocols = []uint32{99} }},
		"describe: a name that is a path":           {describe: func(i *plugins.Info) { i.Name = "../" + i.Name }},
		"describe: a capability of 1 MiB":           {describe: announces(plugins.Capability(strings.Repeat("c", 1<<20)))},
		"describe: capabilities by the million":     {describe: func(i *plugins.Info) { i.Capabilities = make([]plugins.Capability, 3_000_000) }},
		"describe: another name in its second life": {first: 1, by: (*chaos).restart, describe: func(i *plugins.Info) { i.Name = "impostor" }},
		"describe: another kind in its second life": {first: 1, by: (*chaos).restart, describe: func(i *plugins.Info) {
			if i.Kind == plugins.Storage {
				i.Kind = plugins.Transport
			} else {
				i.Kind = plugins.Storage
			}
		}},
		"describe: an answer of 2 GiB": {say: huge[pluginv1.DescribeResponse]()},
		"session: an answer twice":     {lives: 1, say: afterFirst(says(func(r *pluginv1.SessionResponse) []any { return []any{r, r} }))},
		"session: another number":      {lives: 1, say: afterFirst(spoils(func(r *pluginv1.SessionResponse) { r.Seq += 7 }))},
		"session: ends with OK":        {lives: 1, say: afterFirst(says(func(*pluginv1.SessionResponse) []any { return []any{errOver} }))},
		"session: answers without end": {lives: 1, say: afterFirst(endless(func(*pluginv1.SessionResponse) {}))},
		"session: never answers again": {lives: 1, say: afterFirst(mute[pluginv1.SessionResponse]())},
		"metrics: not metrics":         {by: (*chaos).metrics, say: metrics(func() string { return "<html>\n" })},
		"metrics: a size of NaN":       {by: (*chaos).metrics, say: metrics(func() string { return "chaos_bytes NaN\n" })},
		"metrics: 60,000 series":       {by: (*chaos).metrics, say: metrics(func() string { return strings.Repeat("a 1\n", 60_000) })},
		"metrics: 2 GiB": {lives: 1, by: (*chaos).metrics, say: says(func(r *pluginv1.SessionResponse) []any {
			if len(r.Metrics) > 0 {
				return []any{zeros(1<<31 - 1)}
			}
			return []any{r}
		})},
		"stderr: a flood": {by: (*chaos).writes, process: func(p *chaosProcess) { go flood(os.Stderr); p.serve() }},
		"stderr: a line of 20 MiB": {process: func(p *chaosProcess) {
			go func() {
				_, _ = os.Stderr.Write(append([]byte("[WARN] "), append(bytes.Repeat([]byte("l"), 20<<20), '\n')...))
			}()
			p.serve()
		}},
		"stderr: JSON that is not a record": {process: func(p *chaosProcess) {
			fmt.Fprintln(os.Stderr, `{"level":{"deep":`+strings.Repeat("[", 1<<15))
			fmt.Fprintln(os.Stderr, `{"level":"error","msg":"from the plugin","pid":1,"plugin":"host","time":7}`)
			p.serve()
		}},
		"stdout: noise after the handshake": {by: (*chaos).writes, process: func(p *chaosProcess) {
			go func() {
				<-p.opened
				flood(os.Stdout)
			}()
			p.serve()
		}},
		"stdout: noise before the handshake": {process: func(p *chaosProcess) { fmt.Println("Welcome!"); p.serve() }},
		"ends as soon as it is open":         {slow: true, process: func(p *chaosProcess) { go func() { <-p.opened; os.Exit(3) }(); p.serve() }},
		"close: never answers":               {say: mute[pluginv1.CloseResponse]()},
		"close: an answer of 2 GiB":          {say: huge[pluginv1.CloseResponse]()},
		"signals: ignores all and its lifeline": {process: func(p *chaosProcess) {
			signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
			p.deaf = true
			p.serve()
			select {}
		}},
		"socket: closed while it lives on": {lives: 1, by: func(c *chaos) { c.signalPlugin(c.kind, syscall.SIGUSR1) }, process: func(p *chaosProcess) { p.hangsUp = true; p.serve() }},
		"child: keeps its standard streams": {lives: 1, by: (*chaos).restart, process: func(p *chaosProcess) {
			child := exec.Command("/bin/sleep", "60")
			child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
			if err := child.Start(); err != nil {
				panic(err)
			}
			p.serve()
		}},
	}
}

// afterFirst tells a lie from the second answer of the session on: without the first one a
// plugin is not started.
func afterFirst(say func(any, func(any) error) error) func(any, func(any) error) error {
	return func(m any, send func(any) error) error {
		if r, ok := m.(*pluginv1.SessionResponse); ok && r.Seq < 4 {
			return send(m)
		}
		return say(m, send)
	}
}

// metrics is a text in the place of the plugin's metrics.
func metrics(text func() string) func(any, func(any) error) error {
	return spoils(func(r *pluginv1.SessionResponse) {
		if len(r.Metrics) > 0 {
			r.Metrics = []byte(text())
		}
	})
}

// flood writes lines as fast as they are read.
func flood(w *os.File) {
	block := bytes.Repeat([]byte(strings.Repeat("x", 63)+"\n"), 1024)
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}
