package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// fsyncProbes is how many writes with fsync describe the disk.
const fsyncProbes = 200

// machine is what a reader needs to know about where the figures come from.
type machine struct {
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	CPUs     int    `json:"cpus"`
	CPUModel string `json:"cpu_model,omitempty"`
	Go       string `json:"go"`
	// FsyncMS is the median time of a 4 KiB append with fsync in the data directory, on the idle machine.
	FsyncMS float64 `json:"fsync_p50_ms"`
	// Modules are the versions of the measured libraries.
	Modules map[string]string `json:"modules"`
}

// describeMachine looks at the machine before the first measurement.
func describeMachine(dataDir string) (machine, error) {
	fsync, err := medianFsync(dataDir)
	if err != nil {
		return machine{}, fmt.Errorf("measure fsync: %w", err)
	}
	return machine{
		OS:       runtime.GOOS,
		Arch:     runtime.GOARCH,
		CPUs:     runtime.GOMAXPROCS(0),
		CPUModel: cpuModel(),
		Go:       runtime.Version(),
		FsyncMS:  milliseconds(fsync),
		Modules:  measuredModules(),
	}, nil
}

// medianFsync appends blocks to a file in dir, each with an fsync, and returns the median time of one.
// A figure of a few microseconds means a file system in memory, on which no result is worth anything.
func medianFsync(dir string) (time.Duration, error) {
	path := filepath.Join(dir, "fsync-probe")
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer os.Remove(path)
	defer f.Close()
	block := make([]byte, 4096)
	times := make([]time.Duration, fsyncProbes)
	for i := range times {
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// cpuModel is the processor's name where the system tells it in Linux's way, otherwise empty.
func cpuModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// measuredModules reads the versions of the other systems from this program's build information.
func measuredModules() map[string]string {
	versions := make(map[string]string)
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return versions
	}
	measured := []string{
		"go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/client/v3",
		"github.com/hashicorp/raft", "github.com/hashicorp/raft-wal", "google.golang.org/grpc",
	}
	for _, module := range build.Deps {
		if slices.Contains(measured, module.Path) {
			versions[module.Path] = module.Version
		}
	}
	return versions
}

// milliseconds converts a duration for print.
func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}
