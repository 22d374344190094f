package main

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/plugincheck"
)

// readCommands reads the file of --commands, which has one command of the state machine in
// each line.
func readCommands(path string) ([]string, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	commands, err := plugincheck.ReadCommands(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return commands, nil
}
