package core_test

import (
	"fmt"
	"log"
	"time"

	"github.com/pontoon-raft/pontoon/core"
)

// The settings of raft, for members that are far from each other. Every timeout of a
// host and of its plugins is a function of Tick and Election, which are the same on
// all members.
func ExampleConfig() {
	cfg, cleanup := single() // addresses, plugins, members
	defer cleanup()

	cfg.Tick = 200 * time.Millisecond
	cfg.Election = 4 * time.Second
	// Two batches are on their way to the disk by default; entries that come meanwhile
	// are the next one.
	cfg.MaxInflightAppends = 4
	// A snapshot follows so many entries, and leaves so many of them in the log for
	// followers that are a little late.
	cfg.SnapshotEntries = 50_000
	cfg.CatchUpEntries = 10_000

	if _, err := core.New(cfg); err != nil {
		log.Fatal(err)
	}
}

// A field that is zero has a default, which WithDefaults shows.
func ExampleConfig_WithDefaults() {
	cfg := core.Config{Tick: 50 * time.Millisecond}.WithDefaults()
	fmt.Println("election timeout", cfg.Election)
	fmt.Println("appends in flight", cfg.MaxInflightAppends)
	// Output:
	// election timeout 500ms
	// appends in flight 2
}
