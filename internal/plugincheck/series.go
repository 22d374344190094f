package plugincheck

import (
	"bytes"
	"encoding/base64"
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

// A series has commands without end.
type series [][]byte

func newSeries(texts []string) (s series, err error) {
	for _, text := range texts {
		data, err := decode(text)
		if err != nil {
			return nil, err
		}
		s = append(s, data)
	}
	return s, nil
}

// command is the i-th command, from 0.
func (s series) command(i int) []byte {
	return bytes.ReplaceAll(s[i%len(s)], []byte("{i}"), strconv.AppendInt(nil, int64(i+1), 10))
}

// filled is a text of n bytes: {fill} in it gives the letters that lack.
func filled(text string, n int) []byte {
	return []byte(strings.Replace(text, "{fill}", strings.Repeat("x", max(n-len(text)+len("{fill}"), 0)), 1))
}

// ReadCommands returns the commands of a text, one in a line. Empty lines are left out.
func ReadCommands(text []byte) (commands []string) {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			commands = append(commands, line)
		}
	}
	return commands
}
