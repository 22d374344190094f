package hostconfig

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/bytesize"
)

// A value is one setting inside a Config: it reads itself from text and
// writes itself as text that reads back the same. Errors say what a right
// text looks like; whether the value makes sense is for Validate.
type value interface {
	Set(text string) error
	String() string
}

type (
	textValue     struct{ p *string }
	idValue       struct{ p *uint64 }
	intValue      struct{ p *int }
	countValue    struct{ p *uint64 }
	durationValue struct{ p *time.Duration }
	levelValue    struct{ p *slog.Level }
	listValue     struct{ p *[]string }
	choiceValue   struct {
		get     func() string
		set     func(string)
		choices []string
	}
)

func (v textValue) Set(s string) error { *v.p = s; return nil }
func (v textValue) String() string     { return *v.p }

func (v idValue) Set(s string) error {
	id, err := parseID(s)
	if err != nil {
		return err
	}
	*v.p = id
	return nil
}

func (v idValue) String() string {
	if *v.p == 0 {
		return ""
	}
	return formatID(*v.p)
}

// parseID reads an id in hex, with or without 0x. Empty text is the id 0,
// which Validate refuses where an id is needed.
func parseID(s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	digits := strings.TrimPrefix(strings.ToLower(s), "0x")
	id, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not an id; write up to 16 hex digits, for example a1", s)
	}
	return id, nil
}

// formatID is the text form of an id.
func formatID(id uint64) string { return strconv.FormatUint(id, 16) }

func (v intValue) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", s)
	}
	*v.p = int(n)
	return nil
}
func (v intValue) String() string { return strconv.Itoa(*v.p) }

func (v countValue) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return fmt.Errorf("%q is not a whole number from 0 up", s)
	}
	*v.p = n
	return nil
}
func (v countValue) String() string { return strconv.FormatUint(*v.p, 10) }

// sizeValue is a number of bytes; size makes one.
type sizeValue[T int | int64 | uint64] struct{ p *T }

func size[T int | int64 | uint64](p *T) sizeValue[T] { return sizeValue[T]{p} }

func (v sizeValue[T]) Set(s string) error {
	n, err := bytesize.Parse(s)
	if err != nil || uint64(T(n)) != n { // an int may have 32 bits
		return fmt.Errorf("%q is not a size; write bytes, or a number with KiB, MiB or GiB, for example 1.5MiB", s)
	}
	*v.p = T(n)
	return nil
}

func (v sizeValue[T]) String() string { return bytesize.Format(uint64(*v.p)) }

func (v durationValue) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is not a duration; write a number with its unit, for example 100ms", s)
	}
	*v.p = d
	return nil
}
func (v durationValue) String() string { return v.p.String() }

func (v levelValue) Set(s string) error {
	switch strings.ToLower(s) {
	case "debug", "info", "warn", "error":
		return v.p.UnmarshalText([]byte(s))
	}
	return fmt.Errorf("%q is not a level; use debug, info, warn or error", s)
}
func (v levelValue) String() string { return strings.ToLower(v.p.String()) }

// Set takes a comma list; in the file it is a YAML list.
func (v listValue) Set(s string) error {
	*v.p = nil
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			*v.p = append(*v.p, item)
		}
	}
	return nil
}
func (v listValue) String() string { return strings.Join(*v.p, ",") }

// choice is a setting with a few possible texts.
func choice(p *string, choices ...string) choiceValue {
	return choiceValue{func() string { return *p }, func(s string) { *p = s }, choices}
}

// either is a setting with a text for true and one for false.
func either(p *bool, yes, no string) choiceValue {
	get := func() string {
		if *p {
			return yes
		}
		return no
	}
	return choiceValue{get, func(s string) { *p = s == yes }, []string{yes, no}}
}

func (v choiceValue) Set(s string) error {
	for _, c := range v.choices {
		if s == c {
			v.set(s)
			return nil
		}
	}
	return fmt.Errorf("%q is not possible; use %s", s, strings.Join(v.choices, " or "))
}
func (v choiceValue) String() string { return v.get() }
