package catalog

import (
	"errors"
	"fmt"
	"strings"
)

// causes are why a plugin ended or did not start, since it last got anywhere.
// The first one is what an operator must know: the later ones follow from it
// more often than not. The zero value has no cause.
type causes struct {
	first, last error
	// more counts those after the first.
	more int
}

func (c *causes) add(err error) {
	if c.first == nil {
		c.first = err
		return
	}
	c.last = err
	c.more++
}

// count is how many there are.
func (c *causes) count() int {
	if c.first == nil {
		return 0
	}
	return c.more + 1
}

// Error implements error. It is empty if there are none.
func (c causes) Error() string {
	if c.first == nil {
		return ""
	}
	text := c.first.Error()
	if c.more == 0 {
		return text
	}
	separator := "; "
	if strings.Contains(text, "\n") {
		separator = "\n"
	}
	times := "time"
	if c.more > 1 {
		times = "times"
	}
	return fmt.Sprintf("%s%sand %d more %s, last: %s", text, separator, c.more, times, briefly(c.last))
}

// Unwrap makes errors.Is and errors.As see the first and the last one.
func (c causes) Unwrap() []error {
	if c.last == nil {
		return []error{c.first}
	}
	return []error{c.first, c.last}
}

// briefly is an error's text without what the plugin wrote.
func briefly(err error) string {
	var exit *ExitError
	var start *StartError
	switch {
	case errors.As(err, &exit):
		return fmt.Sprintf("pid %d: %s", exit.PID, exit.how())
	case errors.As(err, &start):
		return fmt.Sprint(start.Cause)
	}
	return err.Error()
}
