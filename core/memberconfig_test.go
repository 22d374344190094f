package core

import (
	"errors"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
)

// A learner among the founders is a fault of the configuration, and said before anything is
// started; a list of members to ask may have one.
func TestALearnerCannotBeAFounder(t *testing.T) {
	cfg := Config{ClusterID: 1, ID: 1, Bootstrap: true, Members: []MemberConfig{{ID: 1}, {ID: 0xa, Learner: true}}}
	_, err := New(cfg)
	if !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), "member a is a learner") {
		t.Errorf("New: %v", err)
	}
	cfg.Bootstrap = false
	if err := cfg.checkFounders(); err != nil {
		t.Errorf("of an existing cluster: %v", err)
	}
}
