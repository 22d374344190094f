package api

import (
	"context"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// PluginLines implements hostv1.HostServer. It answers during a stop, too. The answer is
// bounded by what a host keeps of each plugin.
func (r *requests) PluginLines(ctx context.Context, req *hostv1.PluginLinesRequest) (*hostv1.PluginLinesResponse, error) {
	if req.GetKind() == "" {
		return nil, malformed("no kind of plugin: use storage, statemachine or transport")
	}
	lines, since, err := r.svc.PluginLines(server.PluginLines{
		Kind: req.GetKind(), Name: req.GetName(), After: req.GetAfter(), Most: int(min(req.GetMost(), math.MaxInt32)),
	})
	if err != nil {
		return nil, err
	}
	out := &hostv1.PluginLinesResponse{SinceUnixMs: unixMs(since)}
	for _, l := range lines {
		out.Lines = append(out.Lines, &hostv1.PluginLine{
			Number: l.Number, UnixMs: unixMs(l.Time), Pid: int32(l.PID), Stream: text(l.Stream), Text: text(l.Text),
		})
	}
	if err := r.handAnswer(ctx, proto.Size(out)); err != nil {
		return nil, err
	}
	return out, nil
}

func unixMs(t time.Time) uint64 { return uint64(max(0, t.UnixMilli())) }

// RestartPlugin implements hostv1.HostServer.
func (r *requests) RestartPlugin(ctx context.Context, req *hostv1.RestartPluginRequest) (*hostv1.RestartPluginResponse, error) {
	if err := r.mayReplace(req.GetKind()); err != nil {
		return nil, err
	}
	plugin, err := r.svc.RestartPlugin(ctx, req.GetKind(), req.GetName())
	if err != nil {
		return nil, err
	}
	return &hostv1.RestartPluginResponse{Plugin: toPlugin(&plugin)}, nil
}

// mostVersion is how long a version in a catalog, and a sum in hex, is at the most.
const mostVersion = 64

// UpgradePlugin implements hostv1.HostServer.
func (r *requests) UpgradePlugin(ctx context.Context, req *hostv1.UpgradePluginRequest) (*hostv1.UpgradePluginResponse, error) {
	if err := r.mayReplace(req.GetKind()); err != nil {
		return nil, err
	}
	if len(req.GetTo()) > mostVersion {
		return nil, malformed("no version and no sha256 has more than 64 letters")
	}
	u, err := r.svc.UpgradePlugin(ctx, req.GetKind(), req.GetName(), req.GetTo())
	if err != nil {
		return nil, err
	}
	return &hostv1.UpgradePluginResponse{
		Plugin: toPlugin(&u.Plugin), Sha256: u.SHA256, VersionBefore: text(u.VersionBefore), Sha256Before: u.SHA256Before, Unchanged: u.Unchanged,
	}, nil
}

// mayReplace refuses requests for a new process of a plugin during a stop, and without a
// kind.
func (r *requests) mayReplace(kind string) error {
	if err := r.end.refusal(); err != nil {
		return err
	}
	if kind == "" {
		return malformed("no kind of plugin: use storage, statemachine or transport")
	}
	return nil
}
