package audit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// A Line is a line of a file as programs read it; docs/formats/audit.md has the
// meaning of each field.
type Line struct {
	Number  uint64    `json:"n"`
	Prev    string    `json:"prev"`
	Durable uint64    `json:"durable"`
	Time    time.Time `json:"time"`
	Member  string    `json:"member"`
	Name    string    `json:"name"`
	Op      Op        `json:"op"`

	Intent  bool    `json:"intent"`
	Of      uint64  `json:"of"`
	Address string  `json:"address"`
	Client  string  `json:"client"`
	Method  string  `json:"method"`
	Token   string  `json:"token"`
	Request string  `json:"request"`
	Target  *Target `json:"target"`
	Bytes   *int64  `json:"bytes"`
	SHA256  string  `json:"sha256"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason"`
	Index   uint64  `json:"index"`
	Term    uint64  `json:"term"`

	Records  uint64 `json:"records"`
	Refusals uint64 `json:"refusals"`
	Version  string `json:"version"`

	Format  int    `json:"format"`
	File    uint64 `json:"file"`
	Oldest  uint64 `json:"oldest"`
	Key     string `json:"key"`
	Torn    *Tail  `json:"torn"`
	Damaged *Tail  `json:"damaged"`

	Sum string `json:"sum"`
}

// A Tail is what follows the last sound line of a file.
type Tail struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ParseLine reads one line, without its end. It checks nothing but its form.
func ParseLine(text []byte) (Line, error) {
	var l Line
	err := json.Unmarshal(text, &l)
	return l, err
}

// links are what binds a line to its neighbours.
type links struct {
	number, durable uint64
	prev, sum       [32]byte
	summed          []byte // the part of the line that its sum is of
}

// parseLinks reads the links of a line. It reports false for what no host writes.
func parseLinks(text []byte) (l links, ok bool) {
	body := len(text) - tailBytes
	if body < 0 || !visible(text) {
		return l, false
	}
	l.summed = text[:body]
	rest, ok := bytes.CutPrefix(text[body:], []byte(lineSum))
	if !ok || !unhex(&l.sum, rest[:sumDigits]) || string(rest[sumDigits:]) != lineEnd {
		return l, false
	}
	rest, ok = bytes.CutPrefix(l.summed, []byte(lineBegin))
	if !ok {
		return l, false
	}
	if l.number, rest, ok = decimal(rest); !ok || l.number == 0 {
		return l, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(linePrev)); !ok || len(rest) < sumDigits || !unhex(&l.prev, rest[:sumDigits]) {
		return l, false
	}
	if rest, ok = bytes.CutPrefix(rest[sumDigits:], []byte(lineKept)); !ok {
		return l, false
	}
	l.durable, rest, ok = decimal(rest)
	return l, ok && l.durable < l.number && bytes.HasPrefix(rest, []byte(`,"time":"`))
}

// decimal reads the digits that b begins with.
func decimal(b []byte) (n uint64, rest []byte, ok bool) {
	digits := 0
	for digits < len(b) && '0' <= b[digits] && b[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseUint(string(b[:digits]), 10, 64)
	return n, b[digits:], err == nil
}

// unhex reads lower-case hex.
func unhex(into *[32]byte, digits []byte) bool {
	if _, err := hex.Decode(into[:], digits); err != nil {
		return false
	}
	return bytes.Equal(bytes.ToLower(digits), digits)
}
