package plugincheck

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// processesWith are the processes that were started with a text in their environment, as
// those are that a plugin starts: the directory of its socket is in it.
func processesWith(text string) (pids []int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		environment, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(environment, []byte(text)) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
