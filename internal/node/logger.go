package node

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"go.etcd.io/raft/v3"
)

// raftLogger sends raft's log to slog. Its panics are caught by Core.
type raftLogger struct{ *slog.Logger }

var _ raft.Logger = raftLogger{}

func (l raftLogger) Debug(v ...any)              { l.Logger.Debug(fmt.Sprint(v...)) }
func (l raftLogger) Debugf(f string, v ...any)   { l.debugf(f, v) }
func (l raftLogger) Error(v ...any)              { l.Logger.Error(fmt.Sprint(v...)) }
func (l raftLogger) Errorf(f string, v ...any)   { l.Logger.Error(fmt.Sprintf(f, v...)) }
func (l raftLogger) Info(v ...any)               { l.Logger.Info(fmt.Sprint(v...)) }
func (l raftLogger) Warning(v ...any)            { l.Logger.Warn(fmt.Sprint(v...)) }
func (l raftLogger) Warningf(f string, v ...any) { l.Logger.Warn(fmt.Sprintf(f, v...)) }
func (l raftLogger) Fatal(v ...any)              { panic(fmt.Sprint(v...)) }
func (l raftLogger) Fatalf(f string, v ...any)   { panic(fmt.Sprintf(f, v...)) }
func (l raftLogger) Panic(v ...any)              { panic(fmt.Sprint(v...)) }
func (l raftLogger) Panicf(f string, v ...any)   { panic(fmt.Sprintf(f, v...)) }

// Infof leaves out what tells nothing new with asynchronous writes: entries
// that are durable before raft was asked about them again.
func (l raftLogger) Infof(f string, v ...any) {
	if strings.Contains(f, "unstable log; ignoring") {
		l.debugf(f, v)
		return
	}
	l.Logger.Info(fmt.Sprintf(f, v...))
}

// debugf formats only if the level is on: raft calls it on hot paths.
func (l raftLogger) debugf(f string, v []any) {
	if l.Enabled(context.Background(), slog.LevelDebug) {
		l.Logger.Debug(fmt.Sprintf(f, v...))
	}
}
