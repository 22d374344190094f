package pluginrpc

import (
	"reflect"
	"strings"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// Each request says for which Raft group it is, with its call or with the options of
// Open, so that one process can serve many later (ADR 0068). Without a group are what is
// of the process as a whole, and what goes on a stream that was opened for a group.
// Rules P-26 and P-40.
func TestEachRequestNamesItsGroup(t *testing.T) {
	without := map[string]string{
		"pontoon.plugin.v1.DescribeRequest": "is of the process",
		"pontoon.plugin.v1.SessionRequest":  "is of the process; Leadership has the group",
	}
	call, options := reflect.TypeFor[pluginv1.Call](), reflect.TypeFor[pluginv1.OpenOptions]()
	requests := 0
	for name, empty := range messages(t) {
		message := reflect.TypeOf(empty()).Elem()
		switch name {
		case "pontoon.plugin.v1.RaftOutbound":
		case "pontoon.plugin.v1.Leadership", "pontoon.plugin.v1.Envelope", "pontoon.plugin.v1.SnapshotHeader":
			if f, has := message.FieldByName("Group"); !has || f.Type.Kind() != reflect.Uint64 {
				t.Errorf("%s has no group", name)
			}
			continue
		default:
			if !strings.HasSuffix(name, "Request") {
				continue
			}
		}
		requests++
		named := false
		for i := range message.NumField() {
			named = named || message.Field(i).Type == call || message.Field(i).Type == options
		}
		if _, may := without[name]; named == may {
			t.Errorf("%s names a group: %t", name, named)
		}
		delete(without, name)
	}
	if requests < 20 || len(without) > 0 {
		t.Errorf("%d requests; not there: %v", requests, without)
	}
}
