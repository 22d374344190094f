package pluginrpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

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

// A plugin that is started elsewhere listens on a socket, and its host attaches to it
// there. The connection stands for what a process has of its host: it begins with the
// environment, the plugin answers with its handshake line, and the end of the connection
// is the end of standard input for the one side, and of the process for the other.

// AttachScheme begins the address of such a plugin, before an absolute path.
const AttachScheme = "unix://"

// AttachRefusal begins the line of a plugin that does not want the host, before a text.
const AttachRefusal = "-|"

// versionsKey is the variable with the versions of the protocol that a host speaks.
const versionsKey = "PLUGIN_PROTOCOL_VERSIONS"

// maxGreetingBytes bounds what a plugin reads before it knows that a host is there.
const maxGreetingBytes = 4 << 10

// errNoGreeting: a program has connected that is not a host.
var errNoGreeting = errors.New("the other end is not a Pontoon host")

// WriteAttachGreeting writes the environment by which a host attaches to a plugin.
func WriteAttachGreeting(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s=%s\n%s=%d\n\n", CookieKey, CookieValue, versionsKey, plugins.ProtocolVersion)
	return err
}

// ReadAttachGreeting reads what WriteAttachGreeting writes; nothing comes after it. A host that does not speak this version is an error, which names both.
func ReadAttachGreeting(r io.Reader) error {
	in := bufio.NewReader(io.LimitReader(r, maxGreetingBytes))
	has := map[string]string{}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return errNoGreeting
		}
		if line == "\n" {
			break
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		has[name] = value
	}
	if has[CookieKey] != CookieValue {
		return errNoGreeting
	}
	if !slices.Contains(strings.Split(has[versionsKey], ","), strconv.Itoa(plugins.ProtocolVersion)) {
		return fmt.Errorf("the host speaks plugin protocol version %.100q, this plugin speaks version %d", has[versionsKey], plugins.ProtocolVersion)
	}
	return nil
}
