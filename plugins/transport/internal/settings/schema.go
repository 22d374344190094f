package settings

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
)

// Words are what a backend's schema says of the keys that mean something of its own
// there. They are plain text in one line.
type Words struct {
	Insecure, MaxConnections, LearnRemotes string
	// Own are the properties of the backend's own keys, as JSON with a comma before
	// each.
	Own string
}

// Schema is the JSON Schema of the section of the backend of that name, whose
// defaults are d.
func Schema(name string, d Settings, w Words) []byte {
	return fmt.Appendf(nil, schema, "transport "+name,
		w.Insecure,
		d.MaxConnections, w.MaxConnections,
		d.MaxConnectionsPerAddress,
		transport.MostSnapshots, d.MaxSnapshots,
		minQueueBytes, d.QueueBytes,
		pace.MinRate,
		peertls.Schema,
		w.LearnRemotes,
		w.Own)
}

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": %q,
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "insecure": {
      "type": "boolean",
      "default": false,
      "description": %q
    },
    "max_connections": {
      "type": "integer",
      "minimum": 1,
      "default": %d,
      "description": %q
    },
    "max_connections_per_address": {
      "type": "integer",
      "minimum": 1,
      "default": %d,
      "description": "The most inbound connections at one time from one IP address."
    },
    "max_snapshots": {
      "type": "integer",
      "minimum": 1,
      "maximum": %d,
      "default": %d,
      "description": "The most snapshots received at one time, and sent at one time; of those to send more wait, of those that come more are told to come back."
    },
    "queue_bytes": {
      "type": "integer",
      "minimum": %d,
      "default": %d,
      "description": "The most bytes of messages that wait for one stream of one peer; more are dropped and reported."
    },
    "snapshot_rate": {
      "type": "integer",
      "minimum": 0,
      "default": 0,
      "description": "The most bytes of snapshots sent in a second, to all peers together; 0 means no limit, otherwise at least %d. Below 26215 for each of max_snapshots, fewer are sent at one time."
    },
    "tls": %s,
    "learn_remotes": {
      "type": "boolean",
      "default": false,
      "description": %q
    }%s
  }
}
`
