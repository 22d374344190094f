package pluginrpc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Bounds of what a plugin may say of itself.
const (
	maxNameBytes       = 64
	maxVersionBytes    = 256
	maxProtocols       = 64
	maxCapabilities    = 256
	maxCapabilityBytes = 64
	maxSchemaBytes     = 256 << 10
	maxFormats         = 64
)

// Describe asks the plugin at the other end of conn what it is and checks the
// answer.
func Describe(ctx context.Context, conn grpc.ClientConnInterface) (plugins.Info, error) {
	res, err := pluginv1.NewPluginClient(conn).Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil {
		return plugins.Info{}, fmt.Errorf("describe: %w", NewTable().Error(ctx, err))
	}
	info := plugins.Info{
		Kind:         plugins.Kind(res.Kind),
		Name:         res.Name,
		Version:      res.Version,
		Protocols:    res.Protocols,
		ConfigSchema: res.ConfigSchema,
		Capabilities: goCapabilities(res.Capabilities),
		Requires:     goCapabilities(res.Requires),

		CommandVersions: plugins.Versions(res.CommandVersions),
		SnapshotFormats: plugins.SnapshotFormats(res.SnapshotFormats),
		StateHash:       res.StateHash,
	}
	if err := CheckInfo(info); err != nil {
		return plugins.Info{}, fmt.Errorf("describe: %w", err)
	}
	return info, nil
}

// CheckInfo reports what makes info unusable, as a plugins.ErrBadAnswer.
func CheckInfo(info plugins.Info) error {
	switch {
	case !slices.Contains(plugins.Kinds(), info.Kind):
		return Breach("P-11", "unknown kind %.64q", string(info.Kind))
	case info.Name == "" || len(info.Name) > maxNameBytes || strings.IndexFunc(info.Name, notNameRune) >= 0:
		return Breach("P-11", "name %.64q", info.Name)
	case len(info.Version) > maxVersionBytes:
		return Breach("P-12", "version of %d bytes, at most %d", len(info.Version), maxVersionBytes)
	case strings.IndexFunc(info.Version, notShown) >= 0:
		return Breach("P-12", "version %q, which cannot be printed", info.Version)
	case len(info.Protocols) > maxProtocols:
		return Breach("P-12", "%d protocols, at most %d", len(info.Protocols), maxProtocols)
	case !slices.Contains(info.Protocols, plugins.ProtocolVersion):
		return Breach("P-12", "speaks protocols %v, not %d", info.Protocols, plugins.ProtocolVersion)
	case len(info.Capabilities) > maxCapabilities:
		return Breach("P-12", "%d capabilities, at most %d", len(info.Capabilities), maxCapabilities)
	case len(info.ConfigSchema) > maxSchemaBytes:
		return Breach("P-12", "config schema of %d bytes, at most %d", len(info.ConfigSchema), maxSchemaBytes)
	case info.CommandVersions.Least > info.CommandVersions.Greatest:
		return Breach("SM-43", "applies commands of versions %s", info.CommandVersions)
	case len(info.SnapshotFormats.Readable) > maxFormats:
		return Breach("SM-45", "reads %d formats of snapshots, at most %d", len(info.SnapshotFormats.Readable), maxFormats)
	case slices.Contains(info.SnapshotFormats.Readable, 0):
		return Breach("SM-45", "reads snapshots of format 0, which is none")
	case len(info.StateHash) > maxNameBytes:
		return Breach("SM-46", "name of the state's hash of %d bytes, at most %d", len(info.StateHash), maxNameBytes)
	}
	if len(info.Requires) > maxCapabilities {
		return Breach("P-12", "requires %d capabilities, at most %d", len(info.Requires), maxCapabilities)
	}
	for _, c := range slices.Concat(info.Capabilities, info.Requires) {
		if len(c) > maxCapabilityBytes {
			return Breach("P-12", "capability of %d bytes, at most %d", len(c), maxCapabilityBytes)
		}
	}
	return nil
}

// notShown keeps what steers terminals out of a version, which people are shown.
func notShown(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }

// notNameRune keeps names usable in file names, metrics and logs.
func notNameRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// describeResponse is info as it travels.
func describeResponse(info plugins.Info) *pluginv1.DescribeResponse {
	return &pluginv1.DescribeResponse{
		Kind:         string(info.Kind),
		Name:         info.Name,
		Version:      info.Version,
		Protocols:    info.Protocols,
		ConfigSchema: info.ConfigSchema,
		Capabilities: wireCapabilities(info.Capabilities),
		Requires:     wireCapabilities(info.Requires),

		CommandVersions: pluginv1.CommandVersions(info.CommandVersions),
		SnapshotFormats: pluginv1.SnapshotFormats(info.SnapshotFormats),
		StateHash:       info.StateHash,
	}
}

func wireCapabilities(list []plugins.Capability) []string {
	wire := make([]string, len(list))
	for i, c := range list {
		wire[i] = string(c)
	}
	return wire
}

func goCapabilities(wire []string) []plugins.Capability {
	list := make([]plugins.Capability, len(wire))
	for i, c := range wire {
		list[i] = plugins.Capability(c)
	}
	return list
}
