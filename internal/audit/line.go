package audit

import (
	"encoding/hex"
	"strconv"
	"time"
)

// Bounds of what a line holds. With them no line is longer than maxLine, however
// its texts have to be escaped. All that a member may have is within them: what was
// applied is never cut.
const (
	maxText  = 1 << 10
	maxURLs  = 16
	maxLine  = 192 << 10
	timeForm = "2006-01-02T15:04:05.000000000Z"
)

// A Position is a place in the chain: a record by its number and its sum. The
// zero Position is before the first record.
type Position struct {
	Number uint64
	Sum    [32]byte
}

// String is the form in which a head is noted: "17:" and the sum in hex.
func (p Position) String() string {
	return strconv.FormatUint(p.Number, 10) + ":" + hex.EncodeToString(p.Sum[:])
}

// The fixed parts of a line.
const (
	lineBegin = `{"n":`
	linePrev  = `,"prev":"`
	lineKept  = `","durable":`
	lineSum   = `,"sum":"`
	lineEnd   = `"}`
	sumDigits = 64
	// tailBytes is the length of what follows the part that is summed up.
	tailBytes = len(lineSum) + sumDigits + len(lineEnd)
)

// An encoder writes lines of one host. It is for one goroutine.
type encoder struct {
	member, name string
	sums         *summer
}

// line appends the record's line after pos to b, and moves pos on.
func (e *encoder) line(b []byte, r *Record, pos *Position, durable uint64) []byte {
	begin := len(b)
	b = e.begin(b, *pos, durable, r.time, r.Op)
	b = appendSource(b, r)
	b = appendSubject(b, r)
	b = appendOutcome(b, r)
	return e.end(b, begin, pos)
}

// begin appends what each line begins with.
func (e *encoder) begin(b []byte, pos Position, durable uint64, at time.Time, op Op) []byte {
	b = append(b, lineBegin...)
	b = strconv.AppendUint(b, pos.Number+1, 10)
	b = append(b, linePrev...)
	b = hex.AppendEncode(b, pos.Sum[:])
	b = append(b, lineKept...)
	b = strconv.AppendUint(b, durable, 10)
	b = append(b, `,"time":"`...)
	b = at.UTC().AppendFormat(b, timeForm)
	b = append(b, '"')
	b = field(b, "member", e.member)
	b = field(b, "name", e.name)
	return field(b, "op", string(op))
}

// end appends the sum of the line that begins at that place of b.
func (e *encoder) end(b []byte, begin int, pos *Position) []byte {
	*pos = Position{pos.Number + 1, e.sums.sum(b[begin:])}
	b = append(b, lineSum...)
	b = hex.AppendEncode(b, pos.Sum[:])
	return append(b, lineEnd+"\n"...)
}

// appendSource appends who asked, and by which request.
func appendSource(b []byte, r *Record) []byte {
	if r.intent != nil {
		b = append(b, `,"intent":true`...)
	}
	b = number(b, "of", r.of)
	if c := r.Client; c != nil {
		b = field(b, "address", c.Address)
		b = field(b, "client", c.Name)
		b = field(b, "method", c.Method)
		b = field(b, "token", c.Token)
	}
	if r.Call == 0 {
		return b
	}
	b = append(b, `,"request":"`...)
	b = strconv.AppendUint(b, r.Call, 10)
	if r.InStream {
		b = append(b, '.')
		b = strconv.AppendUint(b, r.ID, 10)
	}
	return append(b, '"')
}

// appendSubject appends what the request is about.
func appendSubject(b []byte, r *Record) []byte {
	if t := r.Target; t != nil {
		b = append(b, `,"target":{"id":`...)
		b = quote(b, t.ID)
		b = field(b, "name", t.Name)
		for i, u := range t.PeerURLs[:min(len(t.PeerURLs), maxURLs)] {
			b = append(b, [...]string{`,"peer_urls":[`, ","}[min(i, 1)]...)
			b = quote(b, u)
		}
		if len(t.PeerURLs) > 0 {
			b = append(b, ']')
		}
		b = field(b, "client_address", t.ClientAddress)
		b = truth(b, "learner", t.Learner)
		b = truth(b, "force", t.Force)
		b = field(b, "plugin", t.Plugin)
		b = append(b, '}')
	}
	if r.HasData {
		b = append(b, `,"bytes":`...)
		b = strconv.AppendInt(b, int64(r.Bytes), 10)
		b = append(b, `,"sha256":"`...)
		b = hex.AppendEncode(b, r.Digest[:])
		b = append(b, '"')
	}
	return b
}

// appendOutcome appends what became of the request.
func appendOutcome(b []byte, r *Record) []byte {
	b = field(b, "outcome", string(r.Outcome))
	b = field(b, "reason", r.Reason)
	b = number(b, "index", r.Index)
	b = number(b, "term", r.Term)
	b = number(b, "records", r.count)
	b = number(b, "refusals", r.spared)
	return field(b, "version", r.text)
}

// field appends a text that is not empty.
func field(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return quote(key(b, name), text)
}

// number appends a number other than 0.
func number(b []byte, name string, n uint64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendUint(key(b, name), n, 10)
}

// truth appends what is true.
func truth(b []byte, name string, v bool) []byte {
	if !v {
		return b
	}
	return append(key(b, name), "true"...)
}

func key(b []byte, name string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// quote appends text as JSON of visible ASCII and spaces alone, so that no text
// of a client steers a terminal that shows a file, and cuts it at maxText bytes.
func quote(b []byte, text string) []byte {
	b = append(b, '"')
	for i, r := range text {
		if i >= maxText {
			b = append(b, "..."...)
			break
		}
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= ' ' && r <= '~':
			b = append(b, byte(r))
		case r > 0xffff:
			r -= 0x10000
			b = escape(escape(b, 0xd800+(r>>10)), 0xdc00+(r&0x3ff))
		default:
			b = escape(b, r)
		}
	}
	return append(b, '"')
}

func escape(b []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}

// visible tells whether b is text that no terminal acts on.
func visible(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
