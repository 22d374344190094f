package server

import (
	"fmt"
	"time"
)

// LogState tells how it goes with the host's log.
type LogState interface {
	// Dropped counts the lines that were dropped since the start.
	Dropped() uint64
	// Stuck is the age of the oldest line that is not written yet; 0 if all
	// are.
	Stuck() time.Duration
}

// WarnLogStuck is the reason of the warning that the log is not read.
const WarnLogStuck = "log_stuck"

// logPatience is how old a line may be that is not written yet.
const logPatience = 2 * time.Second

// log is the state of the log; that of one that is well if it is not known.
func (s *Server) log() LogState {
	if s.cfg.Log == nil {
		return unknownLog{}
	}
	return s.cfg.Log
}

// logWarnings says that the log is not read.
func (s *Server) logWarnings() []Warning {
	stuck := s.log().Stuck()
	if stuck < logPatience {
		return nil
	}
	return []Warning{{Reason: WarnLogStuck, Text: fmt.Sprintf(
		"the log has not been read for %v; %d lines were dropped since the start. See to what reads the host's standard error",
		stuck.Round(100*time.Millisecond), s.log().Dropped())}}
}

// unknownLog is the log of a host whose embedder does not tell of it.
type unknownLog struct{}

// Dropped implements LogState.
func (unknownLog) Dropped() uint64 { return 0 }

// Stuck implements LogState.
func (unknownLog) Stuck() time.Duration { return 0 }
