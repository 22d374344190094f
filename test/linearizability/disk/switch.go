//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A Switch is a file. One process switches it on, and others see that or wait for
// its end. It is on as long as the file is locked: it goes off with the process
// that has switched it on. The file has one byte for each time that it made a
// difference. Methods may be called concurrently, but a process
// either switches or looks.
type Switch struct{ file *os.File }

// OpenSwitch opens the switch at path. It makes the file if there is none.
func OpenSwitch(path string) (*Switch, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &Switch{file}, nil
}

// On switches it on.
func (s *Switch) On() error { return s.lock(unix.LOCK_EX) }

// Off switches it off.
func (s *Switch) Off() error { return s.lock(unix.LOCK_UN) }

// WaitOff returns when it is off.
func (s *Switch) WaitOff() error {
	on, err := s.IsOn()
	if err != nil || !on {
		return err
	}
	if err := s.felt(); err != nil {
		return err
	}
	if err := s.lock(unix.LOCK_SH); err != nil {
		return err
	}
	return s.lock(unix.LOCK_UN)
}

// IsOn reports whether it is on.
func (s *Switch) IsOn() (bool, error) {
	err := s.lock(unix.LOCK_SH | unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, s.lock(unix.LOCK_UN)
}

// felt notes that it made a difference.
func (s *Switch) felt() error {
	if _, err := s.file.Write([]byte{'.'}); err != nil {
		return fmt.Errorf("note that a disk is disturbed: %w", err)
	}
	return nil
}

// Felt is how often it made a difference.
func (s *Switch) Felt() (int64, error) {
	info, err := s.file.Stat()
	if err != nil {
		return 0, fmt.Errorf("see how often a disk was disturbed: %w", err)
	}
	return info.Size(), nil
}

// Close switches it off if this process has switched it on.
func (s *Switch) Close() error { return s.file.Close() }

func (s *Switch) lock(how int) error {
	for {
		err := unix.Flock(int(s.file.Fd()), how)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("lock %s: %w", s.file.Name(), err)
		}
	}
}
