package main

import (
	"bytes"
	"errors"
	"fmt"
	"text/template"

	"github.com/pontoon-raft/pontoon/internal/loopback"
)

// pontoonTemplate is a host's config file. What it doesn't name is the default; tick and election are
// written down because they are the same as etcd's.
const pontoonTemplate = `node:
  id: {{.Self.ID}}
  data_dir: {{printf "%q" .DataDir}}
cluster:
  id: be
  state: new
  members:
{{- range .Members}}
    - id: {{.ID}}
      name: {{.Name}}
      peer_urls: ["http://{{.PeerAddress}}"]
      client_address: {{.ClientAddress}}
{{- end}}
raft:
  tick: 100ms
  election: 1s
log:
  level: error
plugins:
{{- range $kind, $name := .Plugins}}
  {{$kind}}:
    name: {{$name}}
{{- with $.Isolation}}
    isolation: {{.}}
{{- end}}
{{- end}}
`

// pontoonMember is a member as the config files of all members list it.
type pontoonMember struct {
	ID            int
	Name          string
	PeerAddress   string
	ClientAddress string
}

// newPontoonMembers gives three members free ports.
func newPontoonMembers() ([]pontoonMember, error) {
	members := make([]pontoonMember, 3)
	var ports loopback.Ports
	for i := range members {
		peer, errPeer := ports.Free()
		client, errClient := ports.Free()
		if err := errors.Join(errPeer, errClient); err != nil {
			return nil, err
		}
		members[i] = pontoonMember{
			ID:            i + 1,
			Name:          fmt.Sprintf("n%d", i+1),
			PeerAddress:   peer,
			ClientAddress: client,
		}
	}
	return members, nil
}

// pontoonConfig is the config file of the member self. Isolation is empty for the default, which is
// plugins in processes of their own.
func pontoonConfig(self pontoonMember, members []pontoonMember, dataDir, isolation string) ([]byte, error) {
	parsed, err := template.New("host.yaml").Parse(pontoonTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse the config template: %w", err)
	}
	var text bytes.Buffer
	err = parsed.Execute(&text, struct {
		Self      pontoonMember
		Members   []pontoonMember
		DataDir   string
		Isolation string
		Plugins   map[string]string
	}{
		Self: self, Members: members, DataDir: dataDir, Isolation: isolation,
		Plugins: map[string]string{"transport": "http", "storage": "wal", "statemachine": "kv"},
	})
	if err != nil {
		return nil, fmt.Errorf("fill in the config template: %w", err)
	}
	return text.Bytes(), nil
}
