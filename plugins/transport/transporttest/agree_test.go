package transporttest

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Rule TR-37.
func TestWhichResultsOfTwoEndsFit(t *testing.T) {
	other := errors.New("another error")
	for _, c := range []struct {
		name             string
		sender, receiver error
		fit              bool
	}{
		{"accepted", nil, nil, true},
		{"broken for both", transport.ErrUnreachable, other, true},
		{"a verdict that was lost", transport.ErrUnreachable, nil, true},
		{"a refusal that was not given", transport.ErrSnapshotRefused, nil, false},
		{"an acceptance that was not given", nil, other, false},
	} {
		if agree(c.sender, c.receiver) != c.fit {
			t.Errorf("%s: %v and %v fit is %v", c.name, c.sender, c.receiver, !c.fit)
		}
	}
}
