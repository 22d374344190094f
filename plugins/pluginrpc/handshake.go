package pluginrpc

import (
	"context"

	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins"
)

const (
	// CookieKey and CookieValue are the environment variable by which a plugin
	// notices that a host started it. They are not secret.
	CookieKey   = "PONTOON_PLUGIN"
	CookieValue = "b2f1c7d4-0c55-4b0e-9a64-7d1a3f6e8e21"

	// PluginName is the name under which go-plugin dispenses the connection.
	PluginName = "pontoon"
)

// Handshake is the go-plugin handshake of every Pontoon plugin.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		ProtocolVersion:  plugins.ProtocolVersion,
		MagicCookieKey:   CookieKey,
		MagicCookieValue: CookieValue,
	}
}

// VersionedPlugins is the plugin map for both ends of go-plugin: one entry for
// each major version of the wire. On the host's end register is nil and
// Dispense(PluginName) returns the *grpc.ClientConn. On the plugin's end
// register adds the services of its backend.
func VersionedPlugins(register func(grpc.ServiceRegistrar)) map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{
		plugins.ProtocolVersion: {PluginName: &connPlugin{register: register}},
	}
}

// connPlugin hands out the connection itself: which services are behind it is
// the business of the adapters.
type connPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	register func(grpc.ServiceRegistrar)
}

var _ plugin.GRPCPlugin = (*connPlugin)(nil)

// GRPCServer implements plugin.GRPCPlugin.
func (p *connPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	if p.register != nil {
		p.register(s)
	}
	return nil
}

// GRPCClient implements plugin.GRPCPlugin.
func (p *connPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}
