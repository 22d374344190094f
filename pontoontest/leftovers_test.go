//go:build linux

package pontoontest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// endVariable has this test binary be the test of an author that ends in the way it says.
const endVariable = "PONTOONTEST_END"

const ready = "ready: "

// TestOfAnAuthor is that test. It prints what it has started.
func TestOfAnAuthor(t *testing.T) {
	how := os.Getenv(endVariable)
	if how == "" {
		t.Skip("it is for TestNothingIsLeft")
	}
	c := Cluster(t, 1, Options{})
	m := c.Members()[0]
	pids := []string{strconv.Itoa(m.cmd.Process.Pid)}
	for _, kind := range []string{"storage", "statemachine", "transport"} {
		pids = append(pids, strconv.FormatUint(uint64(m.plugged(kind).GetPid()), 10))
	}
	fmt.Println(ready + filepath.Dir(m.dir) + " " + strings.Join(pids, " "))
	switch how {
	case "panic":
		panic("the author's code")
	case "fatal":
		t.Fatal("the author's check")
	case "exit":
		os.Exit(3)
	case "killed", "timeout":
		select {}
	}
}

// However a test ends, no process of it is left, and no file if it could clean up.
func TestNothingIsLeft(t *testing.T) {
	host := hostProgram(t, t.TempDir(), Options{})
	for how, cleansUp := range map[string]bool{"ends": true, "fatal": true, "panic": true, "exit": false, "killed": false, "timeout": false} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			own, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), own, "-test.run=^TestOfAnAuthor$", "-test.v", "-test.timeout=20s")
			cmd.Env = append(os.Environ(), endVariable+"="+how, "PONTOON_HOST="+host)
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			var dir string
			var pids []int
			lines := bufio.NewScanner(out)
			for lines.Scan() {
				if text, found := strings.CutPrefix(lines.Text(), ready); found {
					words := strings.Fields(text)
					dir = words[0]
					for _, word := range words[1:] {
						pid, _ := strconv.Atoi(word)
						pids = append(pids, pid)
					}
					if how == "killed" {
						_ = cmd.Process.Kill()
					}
				}
			}
			_ = cmd.Wait()
			if len(pids) != 4 || pids[1] == 0 {
				t.Fatalf("it has not said what it had started: %v", pids)
			}
			for _, pid := range pids {
				eventually(t, fmt.Sprintf("the end of process %d", pid), func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
			}
			if _, err := os.Stat(dir); cleansUp != errors.Is(err, os.ErrNotExist) {
				t.Errorf("its folder: %v", err)
			}
			_ = os.RemoveAll(dir)
		})
	}
}
