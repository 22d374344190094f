package main

import (
	"fmt"
	"io"
	"os"

	"github.com/pontoon-raft/pontoon/internal/plugincheck"
)

// readCommands reads the file of --commands, which has one command of the state machine in
// each line.
func readCommands(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxInput {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxInput)
	}
	commands, err := plugincheck.ReadCommands(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return commands, nil
}
