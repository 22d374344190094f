package hostconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// withoutURLs is the minimal file without the peer URLs of its members.
func withoutURLs() string {
	return strings.NewReplacer(`peer_urls: ["http://127.0.0.1:7501"], `, "", `peer_urls: ["http://127.0.0.1:7502"], `, "").Replace(minimal)
}

// The peer URLs of the founding members come from the file, a variable or a flag,
// in one form: as a text, and in a file as a list too.
func TestA7PeerURLsComeFromEachSource(t *testing.T) {
	const text = "n2=http://h:4,n1=http://h:3,n2=http://h:2"
	list := strings.Replace(withoutURLs(), "id: c1", `id: c1
  peer_urls: ["n2=http://h:4", "n1=http://h:3", "n2=http://h:2"]`, 1)
	for _, x := range []struct {
		name, file  string
		environ     []string
		flags       map[string]string
		ofTheMember string
	}{
		{"a list in the file", list, nil, nil, "file n1.yaml:4"},
		{"a text in the file", strings.Replace(withoutURLs(), "id: c1", "id: c1\n  peer_urls: "+text, 1), nil, nil, "file n1.yaml:4"},
		{"a variable", withoutURLs(), []string{"PONTOON_CLUSTER_PEER_URLS=" + text}, nil, "environment PONTOON_CLUSTER_PEER_URLS"},
		{"a flag", withoutURLs(), nil, map[string]string{"cluster.peer_urls": text}, "flag --set cluster.peer_urls"},
		{"a flag instead of the list", minimal, nil, map[string]string{"cluster.peer_urls": text}, "flag --set cluster.peer_urls"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, o, err := Load(write(t, x.file), x.flags, x.environ)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Host.Members[1].PeerURLs; !slices.Equal(got, []string{"http://h:2", "http://h:4"}) {
				t.Errorf("n2 has %v", got)
			}
			if got := c.Host.Members[0].PeerURLs; !slices.Equal(got, []string{"http://h:3"}) {
				t.Errorf("n1 has %v", got)
			}
			if got := o.Of("cluster.members[1].peer_urls").String(); got != x.ofTheMember {
				t.Errorf("the URLs of n2 are from %s, want %s", got, x.ofTheMember)
			}
		})
	}
}

// Members that list the same URLs in another order found the same cluster. Where a
// host listens is said by the first URL that is written.
func TestA7TheOrderOfURLsFoundsNoOtherCluster(t *testing.T) {
	twice := strings.Replace(minimal, `["http://127.0.0.1:7502"]`, `["http://127.0.0.1:9", "http://127.0.0.1:7502"]`, 1)
	c, _, err := Load(write(t, twice), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Host.Members[1].PeerURLs; !slices.Equal(got, []string{"http://127.0.0.1:7502", "http://127.0.0.1:9"}) {
		t.Errorf("the cluster is founded with %v", got)
	}
	if c.Host.Transports[0].Listen != "127.0.0.1:9" {
		t.Errorf("listens on %s", c.Host.Transports[0].Listen)
	}
}

// Each way in writes a URL in its one spelling, so that two members with one address are
// found out, and members that spell it in two ways found one cluster.
func TestA7SpellingsOfOneAddressAreOne(t *testing.T) {
	upper := strings.Replace(minimal, `"http://127.0.0.1:7502"`, `"HTTP://Host.Example:07502"`, 1)
	for name, x := range map[string]struct {
		file  string
		flags map[string]string
	}{
		"in the file": {file: upper},
		"in a flag":   {minimal, map[string]string{"cluster.peer_urls": "n2=HTTP://Host.Example:07502"}},
	} {
		c, _, err := Load(write(t, x.file), x.flags, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := c.Host.Members[1].PeerURLs; !slices.Equal(got, []string{"http://host.example:7502"}) {
			t.Errorf("%s: the cluster is founded with %v", name, got)
		}
	}
	same := strings.Replace(minimal, `"http://127.0.0.1:7502"`, `"http://127.0.0.1:07501"`, 1)
	if _, _, err := Load(write(t, same), nil, nil); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:7501 is that of cluster.members[0] already") {
		t.Errorf("one address of two members: %v", err)
	}
}

// A mistake is reported with its place and with what to write.
func TestA7MistakesInPeerURLs(t *testing.T) {
	both := strings.Replace(minimal, "id: c1", "id: c1\n  peer_urls: n2=http://h:1", 1)
	many := make([]string, 17) // no cluster takes such a member, so no configuration does
	for i := range many {
		many[i] = fmt.Sprintf("n2=http://h:%d", i+1)
	}
	for _, x := range []struct{ name, file, flag, want string }{
		{"too many", minimal, strings.Join(many, ","), "cluster.members[1].peer_urls: has 17 URLs; a member has at most 16"},
		{"too long", minimal, "n2=http://" + strings.Repeat("h", 1024) + ":1", "is too long; at most 1024 bytes"},
		{"no port", minimal, "n2=http://h", `--set cluster.peer_urls: cluster.peer_urls: peer URL of n2: "http://h": "h" is not host:port`},
		{"empty", minimal, "", "--set cluster.peer_urls: cluster.peer_urls: an empty list names no member"},
		{"a stranger", minimal, "n3=http://h:1", `--set cluster.peer_urls: cluster.peer_urls: "n3" is the name of no member in cluster.members`},
		{"twice in one file", both, "-", "n1.yaml:6: cluster.members[1].peer_urls: cluster.peer_urls has peer URLs of n2 too"},
		{"of another member", minimal, "n2=http://127.0.0.1:7501", "peer URL http://127.0.0.1:7501 is that of cluster.members[0] already"},
		{"not of all", withoutURLs(), "n2=http://h:1", "cluster.members[0].peer_urls: is missing"},
	} {
		t.Run(x.name, func(t *testing.T) {
			flags := map[string]string{"cluster.peer_urls": x.flag}
			if x.flag == "-" {
				flags = nil
			}
			_, _, err := Load(write(t, x.file), flags, nil)
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v, want %q", err, x.want)
			}
		})
	}
}
