package main

import (
	"bytes"
	"errors"
	"fmt"
	"text/template"

	"github.com/pontoon-raft/pontoon/internal/loopback"
)

// pontoonTemplate is a host's config file. A setting that it does not name has its
// default; tick and election are written down because they are the same as etcd's.
const pontoonTemplate = `node:
  id: {{.Self.ID}}
  data_dir: {{printf "%q" .DataDir}}
cluster:
  id: {{printf "%x" .Cluster}}
  state: new
  members:
{{- range .Members}}
    - id: {{.ID}}
      name: {{.Name}}
      peer_urls: ["{{$.Scheme}}://{{.PeerAddress}}"]
      client_address: {{.ClientAddress}}
{{- end}}
raft:
  tick: 100ms
  election: 1s
log:
  level: error
{{- with .TLS}}
api:
  tls:
    cert: {{printf "%q" (.Cert (print $.Self.Name "-port"))}}
    key: {{printf "%q" (.Key (print $.Self.Name "-port"))}}
    client_ca: {{printf "%q" (.Cert "ca")}}
{{- end}}
plugins:
{{- range $kind, $name := .Plugins}}
  {{$kind}}:
    name: {{$name}}
{{- with $.Isolation}}
    isolation: {{.}}
{{- end}}
{{- if and $.TLS (eq $kind "transport")}}
    config:
      tls:
        cert: {{printf "%q" ($.TLS.Cert $.Self.Name)}}
        key: {{printf "%q" ($.TLS.Key $.Self.Name)}}
        ca: {{printf "%q" ($.TLS.Cert "ca")}}
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

// pontoonConfig is what the config file of the member Self says.
type pontoonConfig struct {
	Self    pontoonMember
	Members []pontoonMember
	DataDir string
	// Isolation is empty for the default, which is plugins in processes of their own.
	Isolation string
	// TLS is nil for a cluster without TLS.
	TLS *pontoonTLS
}

// Cluster is the id of the cluster.
func (pontoonConfig) Cluster() int { return pontoonCluster }

// Scheme is that of peer URLs.
func (c pontoonConfig) Scheme() string {
	if c.TLS != nil {
		return "https"
	}
	return "http"
}

// Plugins are the shipped ones of the default, by their kinds.
func (pontoonConfig) Plugins() map[string]string {
	return map[string]string{"transport": "http", "storage": "wal", "statemachine": "kv"}
}

// text is the config file.
func (c pontoonConfig) text() ([]byte, error) {
	parsed, err := template.New("host.yaml").Parse(pontoonTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse the config template: %w", err)
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, c); err != nil {
		return nil, fmt.Errorf("fill in the config template: %w", err)
	}
	return text.Bytes(), nil
}
