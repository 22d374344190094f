//go:build !linux && !darwin && !freebsd

package vfs

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

func freeBytes(*os.File) (int64, error) {
	return 0, fmt.Errorf("free space on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
