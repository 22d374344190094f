package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/loopback"
)

// setUp lays out n nodes below dir, each with free ports and a configuration.
func setUp(dir, executable string, n int) ([]*node, error) {
	var ports loopback.Ports
	nodes := make([]*node, n)
	for i := range nodes {
		client, errClient := ports.Free()
		peer, errPeer := ports.Free()
		admin, errAdmin := ports.Free()
		if err := errors.Join(errClient, errPeer, errAdmin); err != nil {
			return nil, err
		}
		name := "n" + strconv.Itoa(i+1)
		nodes[i] = &node{
			id: strconv.FormatInt(int64(i+1), 16), name: name, executable: executable,
			client: client, peer: peer, admin: admin,
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
