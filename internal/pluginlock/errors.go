package pluginlock

import "errors"

var (
	// ErrNotFound: the lock has no such plugin, or no such version of it.
	ErrNotFound = errors.New("not in the catalog")
	// ErrRefused: the catalog stays as it is, because the change would break a promise.
	ErrRefused = errors.New("refused")
	// ErrInUse: another command changes the catalog, or a host uses the file.
	ErrInUse = errors.New("in use")
	// ErrDamaged: the lock cannot be read, or a file is not what the lock says.
	ErrDamaged = errors.New("damaged")
)
