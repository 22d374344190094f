package plugincheck

import (
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/onedocument"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A Level says how far a check goes.
type Level string

const (
	// Core is each test of the kit, in some minutes at most.
	Core Level = "core"
	// Durability is Core with more kills and longer random sequences.
	Durability Level = "durability"
	// Performance is Core, and how the plugin compares with the shipped one.
	Performance Level = "performance"
)

// Levels are all levels.
func Levels() []Level { return []Level{Core, Durability, Performance} }

// A Subject is a plugin, and how it is to be checked.
type Subject struct {
	Kind plugins.Kind `json:"kind"`
	// Command is the executable's path and its arguments, SHA256 the sum of the file.
	Command []string `json:"command"`
	SHA256  string   `json:"sha256"`
	Level   Level    `json:"level"`
	// Match is a regular expression for the names of the tests that run; empty for all.
	Match string `json:"match"`
	// Measure is how long the level Performance measures; 0 means 30 s.
	Measure time.Duration `json:"measure"`
	Hints   Hints         `json:"hints"`
}

// Hints are what a kit cannot know of a plugin. Each one lets it see more.
type Hints struct {
	// Config is the config section with which each Open is done.
	Config map[string]any `json:"config" yaml:"config"`

	// Commands are those of a state machine. The kit needs a series without end, in which
	// each is accepted and changes the state: it takes the list again and again, and {i} in
	// a command stands for its number in the series, from 1. A command may be given as
	// base64:….
	Commands []string `json:"commands" yaml:"commands"`
	// Refused are commands that the application refuses in any state.
	Refused []string `json:"refused" yaml:"refused"`
	// Observe is a query whose answer each command changes.
	Observe string `json:"observe" yaml:"observe"`
	// Stream is a query that is answered in chunks and ends.
	Stream string `json:"stream" yaml:"stream"`
	// BadQueries make no sense to the application.
	BadQueries []string `json:"bad_queries" yaml:"bad_queries"`
	// Sized is a command that is accepted in any state; {fill} in it stands for as many
	// letters as make it as large as the kit wants.
	Sized string `json:"sized" yaml:"sized"`
	// Answering is a command that is accepted in any state, and {n} in it the number of bytes
	// of its result.
	Answering string `json:"answering" yaml:"answering"`
	// Changed is a command that is accepted in any state, and whose effect on an empty state
	// is another one by the greatest version that the state machine announces than by the
	// least.
	Changed string `json:"changed" yaml:"changed"`
	// Waiting is a command after which the state machine has a timer.
	Waiting string `json:"waiting" yaml:"waiting"`
	// Checksummed says that Restore refuses a snapshot with any changed bit.
	Checksummed bool `json:"checksummed" yaml:"checksummed"`
	// Durable says that the state is kept in the data directory.
	Durable bool `json:"durable" yaml:"durable"`

	// Listen is an address to listen on with a port of the system's choice, and URL that of
	// a peer, in which {address} stands for what Open has answered; of a transport.
	Listen string `json:"listen" yaml:"listen"`
	URL    string `json:"url" yaml:"url"`
	// Link is tcp if the addresses are those of TCP listeners: then the kit breaks and
	// stalls connections.
	Link string `json:"link" yaml:"link"`
	// Resumes says that a snapshot goes on after its connection broke.
	Resumes bool `json:"resumes" yaml:"resumes"`
}

// ReadHints reads hints from YAML. Keys that no hint has are refused.
func ReadHints(text []byte) (h Hints, err error) {
	if _, err := onedocument.Decode(text, &h); err != nil {
		return h, explained(err)
	}
	if h.Link != "" && h.Link != "tcp" {
		return h, fmt.Errorf("link %q: use tcp, or leave it out", h.Link)
	}
	return h, nil
}

// Check refuses a subject that no kit can be run on.
func (s *Subject) Check() error {
	if s.Kind == plugins.StateMachine && len(s.Hints.Commands) == 0 {
		return errors.New("a state machine is checked with commands of its own: give a file with --commands, one command in a line, or with --hints")
	}
	return nil
}
