package rpctest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
)

// CheckBreach fails unless err is a plugins.ErrBadAnswer that names one of the rules as the
// one that the plugin has broken.
func CheckBreach(t testing.TB, err error, rules ...string) {
	t.Helper()
	if !errors.Is(err, plugins.ErrBadAnswer) {
		t.Errorf("got %v, want a bad answer", err)
		return
	}
	if !slices.ContainsFunc(rules, func(r string) bool { return strings.Contains(err.Error(), "(rule "+r+")") }) {
		t.Errorf("%v: it names none of the rules %v", err, rules)
	}
}
