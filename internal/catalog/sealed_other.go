//go:build !linux

package catalog

import "os"

// seal returns nil: there is no memory here that an interpreter could read as
// a file and nobody could write to.
func seal(*os.File, int64) (*os.File, error) { return nil, nil }
