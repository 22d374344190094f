package transporttest

import (
	"slices"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// testDescribe: a transport's description is complete, and the URLs that its
// peers have are of a scheme that it states, if it states any.
func testDescribe(t *testing.T, h Harness) {
	rule.Checks(t, "P-11", "P-12", "SM-43", "SM-45", "TR-3")
	info := h.New(t).Describe()
	if info.Kind != plugins.Transport || info.Version == "" {
		t.Errorf("describes itself as %+v, want kind transport and a version", info)
	}
	if err := pluginrpc.CheckInfo(info); err != nil {
		t.Errorf("describes itself: %v", err)
	}
	url := h.URL("127.0.0.1:1")
	if stated := transport.Schemes(info); len(stated) > 0 && !slices.Contains(stated, transport.SchemeOf(url)) {
		t.Errorf("states the schemes %v, but peers have URLs like %s", stated, url)
	}
}
