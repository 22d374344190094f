package bench

import (
	"bytes"
	"fmt"

	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
)

// keys is how many keys the commands of kv go round in.
const keys = 10_000

// shipped is the plugin of a kind to compare with, whose commands have about as many bytes as
// those of the other one.
func shipped(kind plugins.Kind, commandBytes int) Contestant {
	switch kind {
	case plugins.StateMachine:
		value := bytes.Repeat([]byte{'v'}, max(commandBytes-len(kv.EncodePut(key(0), nil)), 1))
		return Contestant{
			Spec:    catalog.Spec{Kind: kind, Name: "kv"},
			Command: func(i int) []byte { return kv.EncodePut(key(i), value) },
			Query:   kv.EncodeGet(key(7)),
		}
	case plugins.Transport:
		return Contestant{
			Spec: catalog.Spec{Kind: kind, Name: "http"}, Listen: "127.0.0.1:0",
			URL: func(address string) string { return "http://" + address },
		}
	default:
		return Contestant{Spec: catalog.Spec{Kind: kind, Name: "wal"}}
	}
}

func key(i int) []byte { return fmt.Appendf(nil, "key-%04d", i%keys) }

// RandomCommand is the i-th of commands that mean nothing, of the size of an ordinary entry.
func RandomCommand(i int) []byte {
	b := bytes.Repeat([]byte{'x'}, entryBytes)
	copy(b, fmt.Appendf(nil, "%016x", uint64(i)*0x9e3779b97f4a7c15))
	return b
}

// meanBytes is the mean size of the first commands.
func meanBytes(command func(int) []byte) int {
	if command == nil {
		return 0
	}
	sum := 0
	for i := range largestBatch {
		sum += len(command(i))
	}
	return sum / largestBatch
}
