// Command pontoon-statemachine-sqlite is the state machine plugin sqlite. A host names
// it in its file as an external plugin: command and sha256.
package main

import (
	"github.com/pontoon-raft/pontoon/plugins/statemachine/sqlite"
	"github.com/pontoon-raft/pontoon/sdk"
)

func main() { sdk.Serve(sqlite.Backend()) }
