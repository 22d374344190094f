package catalog

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins"
)

// maxHandshakeBytes bounds the first line on a plugin's standard output.
const maxHandshakeBytes = 4 << 10

// checkHandshake verifies the line by which a plugin says where it listens, and
// returns the socket's path. go-plugin sees only lines that passed: it would
// otherwise trust the address, accept TCP, and dereference a nil TLS
// configuration if the plugin sent a certificate without being asked.
//
// The line is "1|<protocol version>|unix|<path>|grpc|"; see
// docs/plugins/protocol.md.
func checkHandshake(line, socketDir string) (socket string, err error) {
	fields := strings.Split(strings.TrimSpace(line), "|")
	if len(fields) < 5 {
		return "", fmt.Errorf("wrote %s to standard output instead of a handshake", quote(line))
	}
	if fields[0] != "1" {
		return "", fmt.Errorf("wrote %s to standard output instead of a handshake (go-plugin core protocol %s, this host speaks 1)",
			quote(line), quote(fields[0]))
	}
	if err := checkVersion(fields[1]); err != nil {
		return "", err
	}
	if fields[2] != "unix" {
		return "", fmt.Errorf("listens on %s %s: only unix sockets are accepted", quote(fields[2]), quote(fields[3]))
	}
	if fields[4] != "grpc" {
		return "", fmt.Errorf("speaks %s, this host speaks grpc", quote(fields[4]))
	}
	if len(fields) > 5 && fields[5] != "" {
		return "", errors.New("sent a TLS certificate although the host did not ask for one")
	}
	return checkSocketPath(fields[3], socketDir)
}

func checkVersion(field string) error {
	version, err := strconv.ParseUint(field, 10, 32)
	if err != nil {
		return fmt.Errorf("protocol version %s in its handshake is not a number", quote(field))
	}
	if version != plugins.ProtocolVersion {
		return fmt.Errorf("speaks plugin protocol version %d, this host speaks version %d", version, plugins.ProtocolVersion)
	}
	return nil
}

// checkSocketPath wants the socket in the private directory that the host made
// for this start: no other program can listen there, and the directory is
// removed however the plugin ends.
func checkSocketPath(path, socketDir string) (string, error) {
	if !filepath.IsAbs(path) || filepath.Dir(filepath.Clean(path)) != filepath.Clean(socketDir) {
		return "", fmt.Errorf("listens on %s, which is not in the directory %s of PLUGIN_UNIX_SOCKET_DIR", quote(path), socketDir)
	}
	return path, nil
}

// quote renders untrusted text for a message: printable and short.
func quote(s string) string {
	const limit = 120
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "…"
	}
	return strconv.Quote(s)
}
