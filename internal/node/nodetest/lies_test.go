package nodetest

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// Each field of a message between members has its lies, and each lie is told in the
// messages of some type. To is where a message goes, and not what it says; the data of a
// snapshot are always empty, and the joint configurations are refused as a whole.
func TestEachFieldIsLiedAbout(t *testing.T) {
	changed := map[string]bool{}
	for field, lies := range Fields(Bounds{MaxTerm: 1 << 60, TermSlack: 2, MaxTermJump: 1 << 20, ReadContext: 24}) {
		inPlace := false
		for _, kind := range Types() {
			inPlace = inPlace || InPlace(field, kind)
		}
		if !inPlace {
			t.Errorf("%s is in place nowhere", field)
		}
		for _, lie := range lies {
			before, m := of(pb.MsgProp), of(pb.MsgProp)
			lie(m)
			now := reflect.ValueOf(m).Elem()
			for i := range now.NumField() {
				if !reflect.DeepEqual(now.Field(i).Interface(), reflect.ValueOf(before).Elem().Field(i).Interface()) {
					changed[now.Type().Field(i).Name] = true
				}
			}
		}
	}
	message := reflect.TypeFor[pluginv1.Message]()
	for i := range message.NumField() {
		if name := message.Field(i).Name; !changed[name] && name != "To" && !strings.HasPrefix(name, "XXX_") {
			t.Errorf("no lie is about %s", name)
		}
	}
}

// of is a message with something in each field that lies put to nothing.
func of(kind pb.MessageType) *pluginv1.Message {
	return &pluginv1.Message{
		Type: uint32(kind), From: 1, To: 2, Batch: 7, OldestBatch: 7, Context: bytes.Repeat([]byte{1}, 24),
		Entries: []pluginv1.Entry{{Data: []byte{1}}},
	}
}
