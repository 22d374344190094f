package replay

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxAnswerText is how much of an answer is kept to be shown.
const maxAnswerText = 2 << 10

// An answer is that of one call, of one message or many: what must be the same of it, as a hash,
// and its beginning for people.
type answer struct {
	sum   hash.Hash
	bytes uint64
	text  string
	st    *status.Status
	// bad: a message could not be read.
	bad error
}

func newAnswer() *answer { return &answer{sum: sha256.New(), st: status.New(codes.OK, "")} }

// add takes a message.
func (a *answer) add(m *method, b []byte) {
	if m.normal == nil {
		return
	}
	same, text, err := m.normal(b)
	if err != nil {
		a.bad = err
		return
	}
	_, _ = a.sum.Write(same)
	a.bytes += uint64(len(same))
	if room := maxAnswerText - len(a.text); room > 0 {
		a.text += text[:min(len(text), room)]
	}
}

// is tells whether two answers are the same. Of a refusal the code and the reasons count, and not
// the words.
func (a *answer) is(o *answer) bool {
	if a.bad != nil || o.bad != nil {
		return false
	}
	if a.st.Code() != codes.OK || o.st.Code() != codes.OK {
		return a.st.Code() == o.st.Code() && reasons(a.st) == reasons(o.st)
	}
	return a.bytes == o.bytes && bytes.Equal(a.sum.Sum(nil), o.sum.Sum(nil))
}

// String is the answer for people.
func (a *answer) String() string {
	switch {
	case a.bad != nil:
		return "a message that cannot be read: " + a.bad.Error()
	case a.st.Code() != codes.OK:
		return statusText(a.st)
	case a.bytes > uint64(len(a.text)) && len(a.text) == maxAnswerText:
		return fmt.Sprintf("%s… (%d bytes, sha256 %x)", a.text, a.bytes, a.sum.Sum(nil))
	}
	return a.text
}

// isLost tells whether a status says nothing of the plugin: the call was given up, or the connection
// was gone.
func isLost(st *status.Status) bool {
	switch st.Code() {
	case codes.Canceled, codes.Unavailable, codes.DeadlineExceeded:
		return true
	}
	return false
}
