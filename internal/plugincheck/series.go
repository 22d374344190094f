package plugincheck

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// inBase64 begins a command or query that is not given as text.
const inBase64 = "base64:"

// decode returns the bytes that a text of the hints stands for.
func decode(text string) ([]byte, error) {
	encoded, found := strings.CutPrefix(text, inBase64)
	if !found {
		return []byte(text), nil
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	return data, nil
}

// A Series has commands without end: the list is taken again and again.
type Series [][]byte

// NewSeries makes a series of the texts of hints. Its error names the one that stands for no
// bytes.
func NewSeries(texts []string) (s Series, err error) {
	for _, text := range texts {
		data, err := decode(text)
		if err != nil {
			return nil, err
		}
		s = append(s, data)
	}
	return s, nil
}

// Command is the i-th command, from 0.
func (s Series) Command(i int) []byte {
	return bytes.ReplaceAll(s[i%len(s)], []byte("{i}"), strconv.AppendInt(nil, int64(i+1), 10))
}

// MeanBytes is the mean size of the first round of the list.
func (s Series) MeanBytes() int {
	sum := 0
	for i := range s {
		sum += len(s.Command(i))
	}
	return sum / max(len(s), 1)
}

// filled is a text of n bytes: {fill} in it gives the letters that lack.
func filled(text string, n int) []byte {
	return []byte(strings.Replace(text, "{fill}", strings.Repeat("x", max(n-len(text)+len("{fill}"), 0)), 1))
}

// ReadCommands returns the commands of a text, one in a line. Empty lines are left out. Its error
// names a line that stands for no bytes; a text without commands is an error too.
func ReadCommands(text []byte) (commands []string, err error) {
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			continue
		}
		if _, err := decode(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		commands = append(commands, line)
	}
	if len(commands) == 0 {
		return nil, errors.New("there is no command in it: it has one in each line")
	}
	return commands, nil
}
