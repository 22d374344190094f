//go:build !linux

package main

import "log/slog"

// reapAsInit does nothing: only containers of Linux make a host process 1.
func reapAsInit(*slog.Logger) {}
