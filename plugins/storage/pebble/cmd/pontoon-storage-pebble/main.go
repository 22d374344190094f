// Command pontoon-storage-pebble is the storage plugin pebble. A host names
// it in its file as an external plugin: command and sha256.
package main

import (
	"github.com/pontoon-raft/pontoon/plugins/storage/pebble"
	"github.com/pontoon-raft/pontoon/sdk"
)

func main() { sdk.Serve(pebble.Backend()) }
