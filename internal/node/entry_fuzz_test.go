package node

import (
	"errors"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// FuzzEntryData: the data of an entry of any type, of a peer or a disk, is refused
// or can be read when it is applied, unless it says that a newer build wrote it; a
// change that was read is written and read alike.
func FuzzEntryData(f *testing.F) {
	change := member.Change{Op: member.Add, Member: member.Member{ID: 4, Name: "n4", PeerURLs: []string{"http://127.0.0.1:1"}, ClientAddress: "127.0.0.1:2"}}
	encoded, err := encodeChange(RequestID{Origin: 1, Number: 2}, change)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(pluginv1.EntryType_ENTRY_NORMAL), plainCommand(RequestID{Origin: 1, Number: 2}, []byte("data")))
	f.Add(uint32(pluginv1.EntryType_ENTRY_CONF_CHANGE), encoded)
	f.Add(uint32(pluginv1.EntryType_ENTRY_NORMAL), append([]byte{registrationVersion}, `{"number": 16453, "stores": [{"id": 1, "store": 4004}]}`...))
	f.Add(uint32(pluginv1.EntryType_ENTRY_NORMAL), append([]byte{switchVersion}, `{"command_version": 2}`...))
	f.Add(uint32(pluginv1.EntryType_ENTRY_NORMAL), append([]byte{checkVersion}, `{}`...))
	f.Add(uint32(pluginv1.EntryType_ENTRY_NORMAL), []byte{})
	f.Add(uint32(pluginv1.EntryType_ENTRY_NORMAL), []byte{lastVersion})
	f.Add(uint32(2), []byte{1})
	f.Fuzz(func(t *testing.T, kind uint32, data []byte) {
		e := storage.Entry{Term: 1, Index: 1, Type: pluginv1.EntryType(kind), Data: data}
		if validateData(&e) != nil {
			return
		}
		if _, err := Commands([]storage.Entry{e}); err != nil && !errors.Is(err, member.ErrNewer) {
			t.Fatalf("valid data cannot be applied: %v", err)
		}
		if e.Type != pluginv1.EntryType_ENTRY_CONF_CHANGE {
			return
		}
		id, c, err := decodeChange(data)
		if errors.Is(err, member.ErrNewer) {
			return
		}
		if err != nil {
			t.Fatalf("valid change cannot be read: %v", err)
		}
		again, err := encodeChange(id, c)
		if err != nil {
			t.Fatal(err)
		}
		id2, c2, err := decodeChange(again)
		if err != nil || id2 != id || c2.Op != c.Op || c2.Member.ID != c.Member.ID || c2.Member.Name != c.Member.Name || c2.Member.Learner != c.Member.Learner {
			t.Fatalf("%+v of %v became %+v of %v: %v", c, id, c2, id2, err)
		}
		if next, err := (&member.Registry{}).Apply(c, 1, 1); err == nil && next == nil {
			t.Fatal("no registry after a change that was applied")
		}
	})
}
