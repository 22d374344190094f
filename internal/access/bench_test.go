package access_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
)

// The price of asking a request for its client: nothing without a policy, and
// a hash for a token, right or wrong.
func BenchmarkIdentify(b *testing.B) {
	path := filepath.Join(b.TempDir(), "tokens.json")
	_, text, err := access.CreateToken(path, "app", access.Write, time.Time{}, noon())
	if err != nil {
		b.Fatal(err)
	}
	_, wrong, err := access.CreateToken(filepath.Join(b.TempDir(), "other.json"), "app", access.Write, time.Time{}, noon())
	if err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]struct {
		policy *access.Policy
		token  string
	}{
		"no policy":   {nil, text},
		"token":       {&access.Policy{TokensFile: path}, text},
		"wrong token": {&access.Policy{TokensFile: path}, wrong},
		"certificate": {&access.Policy{Certificates: map[string]access.Role{"app": access.Write}}, ""},
	} {
		b.Run(name, func(b *testing.B) {
			g, err := access.New(c.policy, nil)
			if err != nil {
				b.Fatal(err)
			}
			p := bearer(c.token)
			if c.token == "" {
				p = access.Presented{Certificate: "app"}
			}
			b.ReportAllocs()
			for b.Loop() {
				id, err := g.Identify(p, noon())
				if err == nil {
					_ = g.Check(id, access.Read, "Query")
				}
			}
		})
	}
}
