package catalog

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestAHandshakeThatIsRight(t *testing.T) {
	for _, line := range []string{
		"1|1|unix|/run/d/s|grpc|\n", "1|1|unix|/run/d/s|grpc", "1|1|unix|/run/d/s|grpc||true\r\n", "1|1|unix|/run/d/./s|grpc|",
	} {
		socket, err := checkHandshake(line, "/run/d/")
		if err != nil || filepath.Clean(socket) != "/run/d/s" {
			t.Errorf("%q: %q, %v", line, socket, err)
		}
	}
}

// Rules P-2 and P-3.
func TestAHandshakeThatIsWrong(t *testing.T) {
	for line, says := range map[string]string{
		"":                            "instead of a handshake",
		"1|1|unix|/run/d/s":           "instead of a handshake",
		"0|1|unix|/run/d/s|grpc|":     "core protocol",
		"1|2|unix|/run/d/s|grpc|":     "version 2, this host speaks version 1",
		"1|-1|unix|/run/d/s|grpc|":    "not a number",
		"1|1|unix|/run/d/../e/s|grpc": "not in the directory",
		"1|1|unix|s|grpc|":            "not in the directory",
		"1|1|unix|@abstract|grpc|":    "not in the directory",
		"1|1|unix|/run/d/a/s|grpc|":   "not in the directory",
		"1|1|unixgram|/run/d/s|grpc|": "only unix sockets",
		"1|1|unix|/run/d/s|http|":     "speaks \"http\"",
		"1|1|unix|/run/d/s|grpc|cert": "certificate",
	} {
		if _, err := checkHandshake(line, "/run/d"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func FuzzHandshake(f *testing.F) {
	f.Add("1|1|unix|/run/d/s|grpc|")
	f.Add("1|1|unix|/run/d/s|grpc|QUJD|true")
	f.Add("||||||")
	f.Fuzz(func(t *testing.T, line string) {
		socket, err := checkHandshake(line, "/run/d")
		if err == nil && filepath.Dir(filepath.Clean(socket)) != "/run/d" {
			t.Errorf("accepted a socket at %q", socket)
		}
		if err != nil && len(err.Error()) > 2000 {
			t.Errorf("error of %d bytes", len(err.Error()))
		}
	})
}
