package access

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// ErrNoToken: there is no token of that id or name which could be meant. The
// changes of a file of tokens return it, and leave the file as it is.
var ErrNoToken = errors.New("no such token")

// keepEnded is how long a token that expired or was revoked stays in the file, so
// that a list, and the refusal of a request, say what became of it.
const keepEnded = 30 * 24 * time.Hour

// CreateToken adds a token to the file, which is made if it is missing, and
// returns it with its text: the only time that it is shown. A token without
// an end of its own has the zero time for expires.
func CreateToken(path, name string, role Role, expires, now time.Time) (t Token, text string, err error) {
	if err := memberform.CheckClientName(name); err != nil {
		return Token{}, "", err
	}
	if role == None {
		return Token{}, "", errors.New("a token with the role none is good for nothing; use read, write or administer")
	}
	err = editTokens(path, true, now, func(f *tokenFile) error {
		t, text = newToken(name, role, now, expires)
		f.Tokens = append(f.Tokens, t)
		return nil
	})
	return t, text, err
}

// RevokeToken ends a token, which is named by its id, or by its name if no other
// valid token has that.
func RevokeToken(path, which string, now time.Time) (t Token, err error) {
	err = editTokens(path, false, now, func(f *tokenFile) error {
		found, err := f.find(which, now)
		if err != nil {
			return err
		}
		found.Revoked = now.UTC().Truncate(time.Second)
		t = *found
		return nil
	})
	return t, err
}

// A Rotation is a token in the place of another one.
type Rotation struct {
	Old, New Token
	// Text is what proves the new token.
	Text string
}

// RotateToken adds a token with the name and role of another one, which ends after
// overlap, or earlier if it would have ended earlier. Unless expires says otherwise
// the new token lives as long as the old one was to.
func RotateToken(path, which string, overlap time.Duration, expires, now time.Time) (r Rotation, err error) {
	err = editTokens(path, false, now, func(f *tokenFile) error {
		old, err := f.find(which, now)
		if err != nil {
			return err
		}
		role, err := ParseRole(old.Role)
		if err != nil {
			return err
		}
		if expires.IsZero() && !old.Expires.IsZero() {
			expires = now.Add(old.Expires.Sub(old.Created))
		}
		if end := now.Add(overlap).UTC().Truncate(time.Second); old.Expires.IsZero() || end.Before(old.Expires) {
			old.Expires = end
		}
		r.Old = *old
		r.New, r.Text = newToken(old.Name, role, now, expires)
		f.Tokens = append(f.Tokens, r.New)
		return nil
	})
	return r, err
}

// find is the valid token that is meant by an id or a name.
func (f *tokenFile) find(which string, now time.Time) (*Token, error) {
	var named []*Token
	for i := range f.Tokens {
		t := &f.Tokens[i]
		switch {
		case t.ID == which && t.ended(now) != "":
			return nil, fmt.Errorf("%w: %s %s", ErrNoToken, which, t.ended(now))
		case t.ID == which:
			return t, nil
		case t.Name == which && t.ended(now) == "":
			named = append(named, t)
		}
	}
	switch len(named) {
	case 0:
		return nil, fmt.Errorf("%w: no valid token has the id or name %q", ErrNoToken, which)
	case 1:
		return named[0], nil
	}
	var ids []string
	for _, t := range named {
		ids = append(ids, t.ID)
	}
	return nil, fmt.Errorf("%w: %d valid tokens are called %q; give the id of one: %s", ErrNoToken, len(named), which, strings.Join(ids, ", "))
}

// editTokens changes the file as a whole: a reader sees it before or after the
// change. A second change at the same time is refused.
func editTokens(path string, create bool, now time.Time, change func(*tokenFile) error) error {
	next, err := newTokenWriter(path)
	if err != nil {
		return err
	}
	defer next.abandon()
	f, info, err := readTokenFile(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		f, info, err = tokenFile{Version: fileVersion}, nil, nil
	}
	if err != nil {
		return err
	}
	f.Tokens = slices.DeleteFunc(f.Tokens, func(t Token) bool { return t.ended(now.Add(-keepEnded)) != "" })
	if err := change(&f); err != nil {
		return err
	}
	if len(f.Tokens) > maxTokens {
		return fmt.Errorf("%s: %d tokens; at most %d are taken: revoke some", path, len(f.Tokens), maxTokens)
	}
	return next.commit(f, info)
}
