package seal

import (
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pontoon-raft/pontoon/plugins"
)

const text = "a snapshot"

// sumOf is the checksum that a sender of s gives.
func sumOf(t *testing.T, s string) string {
	t.Helper()
	source := NewSource(strings.NewReader(s), 0)
	if _, err := io.Copy(io.Discard, source); err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256([]byte(s))
	if got := source.AppendSum(nil); string(got) != string(want[:]) {
		t.Fatalf("the checksum is %x", got)
	}
	return source.Sum()
}

// A snapshot ends well only if its size, where one was announced, and its checksum,
// where one was given, are right.
func TestCheck(t *testing.T) {
	good := sumOf(t, text)
	for _, c := range []struct {
		size    uint64
		arrives string
		sum     string
		says    string // of the error; nothing if all is well
	}{
		{10, text, good, ""},
		{0, text, good, ""},
		{9, text, good, "more than 9 bytes"},
		{11, text, good, "10 bytes of 11"},
		{10, "a snapshoT", good, "checksum"},
		{10, text, "", "checksum"},
		{10, text, strings.ToUpper(good), "checksum"},
	} {
		check := NewCheck(c.size)
		err := errors.Join(check.Took([]byte(c.arrives[:4])), check.Took([]byte(c.arrives[4:])))
		if err == nil {
			err = check.EndWith(c.sum)
		}
		if well := errors.Is(err, io.EOF); well != (c.says == "") || !well && (!errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%+v: %v", c, err)
		}
		if check.Got() != uint64(len(c.arrives)) {
			t.Errorf("%+v: %d bytes", c, check.Got())
		}
	}
	check := NewCheck(11)
	if err := check.Took([]byte(text)); err != nil {
		t.Error(err)
	}
	if err := check.End(); !errors.Is(err, ErrDamaged) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a snapshot without a checksum that is too short: %v", err)
	}
	if err := NewCheck(0).End(); !errors.Is(err, io.EOF) {
		t.Errorf("a snapshot without size and checksum: %v", err)
	}
}

// A snapshot that a host accepts before its end does not count as accepted.
func TestFinish(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		rest io.Reader
		want error
	}{
		{strings.NewReader(""), nil},
		{strings.NewReader("x"), ErrDamaged},
		{iotest.ErrReader(broken), broken},
	} {
		if err := Finish(c.rest); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("got %v, want %v", err, c.want)
		}
	}
}

// A source that has another size than its sender was told is refused, as soon as
// that is known; an error of its own is kept.
func TestSource(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		size uint64
		r    io.Reader
		want error
	}{
		{10, strings.NewReader(text), nil},
		{10, iotest.DataErrReader(strings.NewReader(text)), nil},
		{0, strings.NewReader(text), nil},
		{9, strings.NewReader(text), plugins.ErrInvalidArgument},
		{9, iotest.DataErrReader(strings.NewReader(text)), plugins.ErrInvalidArgument},
		{11, strings.NewReader(text), plugins.ErrInvalidArgument},
		{10, io.MultiReader(strings.NewReader("a sn"), iotest.ErrReader(broken)), broken},
	} {
		if _, err := io.Copy(io.Discard, NewSource(c.r, c.size)); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("size %d: got %v, want %v", c.size, err, c.want)
		}
	}
}
