package access

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// A text that is taken for a token is written exactly so: there is one text for an
// id and a secret, and it is in the form that scanners look for.
func FuzzToken(f *testing.F) {
	_, text := newToken("app", Read, time.Time{}, time.Time{})
	for _, seed := range []string{"", text, strings.ToUpper(text), text + " ", text[:len(text)-1], tokenPrefix + strings.Repeat("_", 85)} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, repair bool) {
		if body := len(text) - sumDigits; repair && body > 0 {
			text = text[:body] + sumOf(text[:body])
		}
		id, secret, err := parseToken(text)
		if err != nil {
			return
		}
		again := tokenPrefix + id + "_" + hex.EncodeToString(secret)
		if again += sumOf(again); again != text {
			t.Errorf("%q is read as %q", text, again)
		}
	})
}

// A file that is read is within its bounds, and reads alike when it is written again.
func FuzzTokenFile(f *testing.F) {
	token, _ := newToken("app", Read, time.Unix(1, 0), time.Unix(2, 0))
	good, err := json.Marshal(tokenFile{Version: fileVersion, Tokens: []Token{token}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "{}", `{"version":1}`, string(good), string(good) + "x", strings.Replace(string(good), "read", "root", 1)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := parseTokenFile(text)
		if err != nil {
			return
		}
		again, err := json.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseTokenFile(again); err != nil || len(back.Tokens) != len(file.Tokens) {
			t.Fatalf("%s reads back as %v, %v", again, back, err)
		}
		if len(file.byID) != len(file.Tokens) {
			t.Fatalf("%d tokens of %d", len(file.byID), len(file.Tokens))
		}
	})
}
