package courier

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

func TestReach(t *testing.T) {
	urls := []string{"http://a:1", "HTTPS://a:2", "quic://a:3", "a:4", "%zz"}
	for _, tc := range []struct {
		name      string
		states    []string
		advertise []string
		alone     bool
		want      []string // of urls
		refusal   string
	}{
		{"what it states", []string{"http", "https"}, []string{"http://b:1"}, true, urls[:2], ""},
		{"what it states, in capitals", []string{"QUIC"}, nil, false, urls[2:3], ""},
		{"nothing stated, alone, URLs like its own", nil, []string{"http://b:1"}, true, urls[:1], ""},
		{"nothing stated, alone, no URL like its own", nil, []string{"pigeon://b:1"}, true, urls, ""},
		{"nothing stated, beside another", nil, []string{"http://b:1"}, false, urls[:1], ""},
		{"nothing stated or advertised, alone", nil, nil, true, urls, ""},
		{"nothing stated or advertised, beside another", nil, nil, false, nil, "it states no URL scheme and advertises none"},
		{"advertises another", []string{"http"}, []string{"quic://b:1"}, true, nil, "it cannot advertise quic://b:1: it serves URLs that begin with http"},
		{"advertises no URL", []string{"http"}, []string{"b:1"}, true, nil, "it cannot advertise b:1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var info plugins.Info
			for _, s := range tc.states {
				info.Capabilities = append(info.Capabilities, "other:x", transport.Scheme(s))
			}
			r, err := reachOf(info, tc.advertise, tc.alone)
			if tc.refusal != "" {
				if !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), tc.refusal) {
					t.Fatalf("got %v, want %q", err, tc.refusal)
				}
				return
			}
			if got := r.of(urls); err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("reaches %v, want %v: %v", got, tc.want, err)
			}
		})
	}
	if got := (reach{}).of(urls); len(got) != 0 {
		t.Errorf("a transport that has not spoken yet reaches %v", got)
	}
}
