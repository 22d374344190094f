package founders

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// mostText and mostURLs bound a list before it is taken apart: 64 members with
// a few long URLs each are far below.
const (
	mostText = 64 << 10
	mostURLs = 1024
)

var (
	// ErrEmpty is matched by the error of PeerURLs.Set for a text that names
	// no member.
	ErrEmpty = errors.New("names no member; write name=URL, for example n1=http://10.0.0.1:7501")
	// ErrRepeated is matched by the error of PeerURLs.Add for a URL that a
	// member has already.
	ErrRepeated = errors.New("is named twice; each URL reaches one member")
	// ErrTooLong is matched by the errors of PeerURLs.Set and PeerURLs.Add for
	// a text beyond the limits.
	ErrTooLong = fmt.Errorf("is too long; at most %d URLs in %d bytes", mostURLs, mostText)
)

// PeerURLs are the peer URLs of members by their names. Its text is
//
//	n1=http://10.0.0.1:7501,n1=http://10.1.0.1:7501,n2=http://10.0.0.2:7501
//
// A name that comes again adds a URL. Names and URLs have the forms of package
// memberform, and no URL comes twice. The order of the text means nothing: names
// and the URLs of a name are sorted, so that equal sets have equal texts.
//
// The zero value is empty and ready to use. It implements flag.Value, pflag's
// Value, and the two interfaces of text in package encoding. It is not for
// concurrent use.
type PeerURLs struct{ byName map[string][]string }

// Parse reads text. An empty text is an error that matches ErrEmpty.
func Parse(text string) (PeerURLs, error) {
	var p PeerURLs
	return p, p.Set(text)
}

// Set adds what text names, as a flag that is given once more does. If it returns
// an error, nothing is added.
func (p *PeerURLs) Set(text string) error {
	if len(text) > mostText || strings.Count(text, ",") >= mostURLs {
		return fmt.Errorf("a list of %d bytes %w", len(text), ErrTooLong)
	}
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("an empty list %w", ErrEmpty)
	}
	next := p.clone()
	for pair := range strings.SplitSeq(text, ",") {
		name, url, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || url == "" {
			return fmt.Errorf("%q is not name=URL; write for example n1=http://10.0.0.1:7501", pair)
		}
		if err := next.Add(name, url); err != nil {
			return err
		}
	}
	*p = next
	return nil
}

// Add adds a URL to those of a member.
func (p *PeerURLs) Add(name, url string) error {
	if err := memberform.CheckName(name); err != nil {
		return err
	}
	if err := memberform.CheckPeerURL(url); err != nil {
		return fmt.Errorf("peer URL of %s: %w", name, err)
	}
	if strings.Contains(url, ",") {
		return fmt.Errorf("peer URL of %s: %q has a comma, which ends a URL in a list", name, url)
	}
	url = memberform.CanonicalPeerURL(url)
	n := 0
	for other, urls := range p.byName {
		if slices.Contains(urls, url) {
			return fmt.Errorf("peer URL of %s: %s %w; it is one of %s already", name, url, ErrRepeated, other)
		}
		n += len(urls)
	}
	if n >= mostURLs {
		return fmt.Errorf("a list of more than %d URLs %w", n, ErrTooLong)
	}
	if p.byName == nil {
		p.byName = map[string][]string{}
	}
	urls := append(slices.Clone(p.byName[name]), url)
	slices.Sort(urls)
	p.byName[name] = urls
	return nil
}

// Names are the names of all members, sorted.
func (p *PeerURLs) Names() []string { return slices.Sorted(maps.Keys(p.byName)) }

// Of are the URLs of one member, sorted; none for a name that is not there. The
// caller owns the slice.
func (p *PeerURLs) Of(name string) []string { return slices.Clone(p.byName[name]) }

// String is the text that reads back as the same set; empty if there is none.
func (p *PeerURLs) String() string {
	var pairs []string
	for _, name := range p.Names() {
		for _, url := range p.byName[name] {
			pairs = append(pairs, name+"="+url)
		}
	}
	return strings.Join(pairs, ",")
}

// Type is the name of the value in the help of a command.
func (p *PeerURLs) Type() string { return "name=url,..." }

// MarshalText is String. An empty set has no text that could be read.
func (p *PeerURLs) MarshalText() ([]byte, error) {
	if len(p.byName) == 0 {
		return nil, fmt.Errorf("an empty list %w", ErrEmpty)
	}
	return []byte(p.String()), nil
}

// UnmarshalText replaces the set by what text names. If it returns an error,
// nothing is changed.
func (p *PeerURLs) UnmarshalText(text []byte) error {
	read, err := Parse(string(text))
	if err != nil {
		return err
	}
	*p = read
	return nil
}

func (p *PeerURLs) clone() PeerURLs {
	return PeerURLs{byName: maps.Clone(p.byName)}
}
