package catalog

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
)

// The catalog does as the page for authors of plugins says.
func TestTheProtocolPageSaysWhatHolds(t *testing.T) {
	rpctest.CheckWords(t, "protocol.md", pluginrpc.CookieKey, pluginrpc.CookieValue)
	page := rpctest.Page(t, "protocol.md")
	handshake := regexp.MustCompile(`(?m)^    (1\|.*)$`).FindStringSubmatch(page)
	if handshake == nil {
		t.Fatal("the page shows no handshake line")
	}
	dir := filepath.Dir(strings.Split(handshake[1], "|")[3])
	if _, err := checkHandshake(handshake[1], dir); err != nil {
		t.Errorf("the page's handshake line: %v", err)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[A-Z_` *]+).*\\| the host's").FindAllStringSubmatch(page, -1) {
		for name := range strings.FieldsSeq(strings.NewReplacer("`", "", "*", "ALL").Replace(row[1])) {
			if !inherited(name) {
				t.Errorf("the page says that %s is inherited", name)
			}
		}
	}
}
