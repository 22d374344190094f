package demo

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// setUp lays out n nodes below dir, each with free ports and a configuration.
func setUp(dir, executable string, n int) ([]*node, error) {
	addresses, err := freeAddresses(3 * n)
	if err != nil {
		return nil, err
	}
	nodes := make([]*node, n)
	for i := range nodes {
		name := "n" + strconv.Itoa(i+1)
		nodes[i] = &node{
			id: strconv.FormatInt(int64(i+1), 16), name: name, executable: executable,
			client: addresses[3*i], peer: addresses[3*i+1], admin: addresses[3*i+2],
			configPath: filepath.Join(dir, name+".yaml"), logPath: filepath.Join(dir, name+".log"),
		}
	}
	for _, node := range nodes {
		if err := os.WriteFile(node.configPath, []byte(configuration(dir, node, nodes)), 0o600); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

// configuration is the YAML of one node.
func configuration(dir string, self *node, nodes []*node) string {
	var members strings.Builder
	for _, n := range nodes {
		fmt.Fprintf(&members, "    - {id: %s, name: %s, peer_urls: [\"http://%s\"], client_address: %q}\n", n.id, n.name, n.peer, n.client)
	}
	return fmt.Sprintf(`node:
  id: %s
  data_dir: %q
cluster:
  id: de30
  members:
%sadmin:
  listen: %q
log:
  format: text
`, self.id, filepath.Join(dir, self.name), members.String(), self.admin)
}

// The ports to choose from are below those that systems give to outgoing
// connections: a node that dials a peer which is not up yet must not be given
// that peer's port as its own.
const (
	firstPort = 10000
	lastPort  = 30000
	maxTries  = 1000
)

// freeAddresses finds n addresses on loopback that nobody listens on. They are
// held until all are found, so that they differ.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	var last error
	for range maxTries {
		if len(addresses) == n {
			return addresses, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return nil, fmt.Errorf("find %d free ports: %w", n, last)
}
