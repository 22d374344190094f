package certfiles_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/certfiles"
)

// Some editors save a file with a mark before its first byte, so that no decoder
// finds the block that begins there. The error says so, and how to take it away.
func TestACertificateWithAByteOrderMarkGetsAHint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n1.crt")
	text := "-----BEGIN CERTIFICATE-----\n"
	for mark, says := range map[string][]string{
		"":             nil,
		"\xef\xbb\xbf": {"api.tls.cert", path, "byte order mark", "sed -i"},
	} {
		if err := os.WriteFile(path, []byte(mark+text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := certfiles.File{Key: "api.tls.cert", Path: path}.Read()
		if (err != nil) != (says != nil) || err == nil && got != text {
			t.Errorf("with the mark %q: %q, %v", mark, got, err)
		}
		for _, words := range says {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%q does not say %q", err, words)
			}
		}
	}
}
