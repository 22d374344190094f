package refusals

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
)

// All refusals are counted; a line in the log there is for each address and
// reason once in a while, and never more lines, or more memory, than so many.
func TestRefusalsAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := New(slog.New(slog.NewTextHandler(&log, nil)), "refused_total")
		lines := func() int { return strings.Count(log.String(), "\n") }
		for range 100 {
			r.Called("192.0.2.1:1000", certfiles.ErrExpired)
			r.Called("192.0.2.1:1001", certfiles.ErrExpired)
			r.Dialled(2, peertls.ErrOtherMember)
			r.Dialled(2, &net.OpError{Op: "dial", Err: errors.New("connection refused")}) // no refusal of an identity
		}
		if lines() != 2 || r.counts["expired"] != 200 || r.counts["other_member"] != 100 || len(r.counts) != 2 {
			t.Errorf("%d lines, counts %v:\n%s", lines(), r.counts, log.String())
		}
		r.Called("192.0.2.1:1000", peertls.ErrNoCertificate)
		if lines() != 3 {
			t.Errorf("another reason has no line of its own:\n%s", log.String())
		}
		time.Sleep(refusalQuiet)
		r.Called("192.0.2.1:1000", certfiles.ErrExpired)
		if lines() != 4 {
			t.Errorf("after a while it is not logged again:\n%s", log.String())
		}
		for i := range 10_000 {
			r.Called(fmt.Sprintf("[2001:db8::%x]:1", i), certfiles.ErrExpired)
		}
		if lines() > 4+maxRefusals || r.said.Len() > maxRefusals {
			t.Errorf("%d lines, %d remembered", lines(), r.said.Len())
		}
	})
}
