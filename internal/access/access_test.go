package access_test

import (
	"context"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/access"
)

func TestARoleMayDoWhatThoseBeforeItMay(t *testing.T) {
	all := []access.Role{access.None, access.Read, access.Write, access.Administer}
	for i, r := range all {
		for j, need := range all {
			if got := r.May(need); got != (i >= j) {
				t.Errorf("%v may do what needs %v: %v", r, need, got)
			}
		}
		if back, err := access.ParseRole(r.String()); err != nil || back != r {
			t.Errorf("ParseRole(%q) = %v, %v", r.String(), back, err)
		}
	}
	if _, err := access.ParseRole("root"); err == nil {
		t.Error("root is taken for a role")
	}
}

func TestAnIdentityTravelsWithItsContext(t *testing.T) {
	if _, ok := access.From(context.Background()); ok {
		t.Error("a request from inside the host has an identity")
	}
	app := access.Identity{Name: "app", Method: "token", Role: access.Write, Address: "192.0.2.7"}
	if got, ok := access.From(access.With(context.Background(), app)); !ok || got != app {
		t.Errorf("got %+v, %v", got, ok)
	}
}

func TestANameIsNotAnAddress(t *testing.T) {
	named := access.Identity{Name: "192.0.2.7"}
	if anonymous := (access.Identity{Address: "192.0.2.7"}); named.Key() == anonymous.Key() {
		t.Errorf("a client that is called %q shares the limits of that address", named.Name)
	}
}
