package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pontoon-raft/pontoon/client"
)

const (
	// topEvery is how long a picture stands at least.
	topEvery = time.Second
	// toScreen and fromScreen change to the other screen of a terminal, without a cursor,
	// and back.
	toScreen, fromScreen = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
	ctrlC                = 3
)

func newTop() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show the cluster again and again on a terminal",
		Long: `top shows what status shows, and every reason of the verdict, and draws it again each
second until q or ctrl-c is pressed. A member that does not answer keeps its row. The first
line says when the members were asked: it stands while a member is waited for.

With --once, with -o json, or if standard output or standard input is not a terminal, it
is shown once, with the exit codes of status.`,
		Example: `  host top
  host top --once`,
		Args:    args(cobra.NoArgs),
		GroupID: groupCluster,
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	once := cmd.Flags().Bool("once", false, "show it once")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return flags.with(cmd, func(c *client.Client) error {
			ask := func(ctx context.Context) (clusterStatus, error) { return askAll(ctx, c) }
			screen, keys := cmd.OutOrStdout(), cmd.InOrStdin()
			if *once || *out == formatJSON || !onTerminal(screen) || !inTerminal(keys) {
				s, err := ask(cmd.Context())
				if printErr := out.print(cmd, s, s.picture); printErr != nil {
					return printErr
				}
				return err
			}
			return topOnTerminal(cmd.Context(), ask, screen.(*os.File), keys.(*os.File))
		})
	}
	return cmd
}

// picture is the table, and every reason of the verdict.
func (s clusterStatus) picture(w io.Writer) error {
	if err := s.table(w); err != nil || len(s.Reasons) == 0 {
		return err
	}
	fmt.Fprintln(w)
	for _, r := range s.Reasons {
		fmt.Fprintln(w, printable(r))
	}
	return nil
}

// topOnTerminal draws on a terminal, and leaves it as it was.
func topOnTerminal(ctx context.Context, ask func(context.Context) (clusterStatus, error), screen, keys *os.File) error {
	before, err := term.MakeRaw(int(keys.Fd()))
	if err != nil {
		return fmt.Errorf("read single keys: %w", err)
	}
	fmt.Fprint(screen, toScreen)
	defer func() {
		fmt.Fprint(screen, fromScreen)
		_ = term.Restore(int(keys.Fd()), before)
	}()
	ticker := time.NewTicker(topEvery)
	defer ticker.Stop()
	v := topView{ask: ask, w: screen, tick: ticker.C, size: func() (int, int, error) { return term.GetSize(int(screen.Fd())) }}
	return v.run(ctx, keys)
}

// A topView draws pictures one over the other.
type topView struct {
	ask  func(context.Context) (clusterStatus, error)
	w    io.Writer
	tick <-chan time.Time
	size func() (width, height int, err error)
}

// run draws until a key ends it or ctx ends. That no member answers is in the picture and
// ends nothing. A read of keys cannot be ended: it may outlive run, until the process ends.
func (v *topView) run(ctx context.Context, keys io.Reader) error {
	shown, quit := context.WithCancel(ctx)
	defer quit()
	go func() {
		awaitQuit(keys)
		quit()
	}()
	for {
		asked := time.Now()
		s, _ := v.ask(shown)
		if shown.Err() != nil {
			return ctx.Err()
		}
		if err := v.draw(s, asked); err != nil {
			return err
		}
		select {
		case <-v.tick:
		case <-shown.Done():
			return ctx.Err()
		}
	}
}

// awaitQuit returns when a key is pressed that ends the view, or none can come any more.
func awaitQuit(keys io.Reader) {
	key := make([]byte, 1)
	for {
		n, err := keys.Read(key)
		if n > 0 && (key[0] == 'q' || key[0] == ctrlC) || err != nil {
			return
		}
	}
}

// draw replaces the picture in one write.
func (v *topView) draw(s clusterStatus, asked time.Time) error {
	width, height, err := v.size()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s, q ends\n", asked.Format(time.TimeOnly))
	if err := s.picture(&text); err != nil {
		return err
	}
	lines := fit(strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n"), width, height)
	_, err = io.WriteString(v.w, "\x1b[H"+strings.Join(lines, "\x1b[K\r\n")+"\x1b[K\x1b[J")
	return err
}

// fit cuts lines to a screen: a line that wraps, or scrolls the screen, would leave its
// remains in the next picture. The last line says how many are missing.
func fit(lines []string, width, height int) []string {
	if more := len(lines) - height; more > 0 && height > 0 {
		lines = append(lines[:height-1:height-1], fmt.Sprintf("(%d more lines)", more+1))
	}
	for i, l := range lines {
		if r := []rune(l); len(r) > width {
			lines[i] = string(r[:max(0, width)])
		}
	}
	return lines
}
