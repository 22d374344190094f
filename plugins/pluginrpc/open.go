package pluginrpc

import (
	"fmt"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/plugins"
)

// Opened is what both ends remember of a successful Open.
type Opened struct {
	// Call is what every request after Open carries.
	Call pluginv1.Call
	// NodeID is this node's.
	NodeID uint64
	// Limits are complete: no zero values.
	Limits plugins.Limits
	// Election is the node's election timeout; never zero.
	Election time.Duration
}

// NewOpened returns what is to be remembered of options that CheckOptions
// accepted.
func NewOpened(o plugins.Options) *Opened {
	election := o.Election
	defaults.Or(&election, defaults.Election)
	return &Opened{
		Call:     pluginv1.Call{Group: o.Group, Incarnation: o.Incarnation},
		NodeID:   o.NodeID,
		Limits:   o.Limits,
		Election: election,
	}
}

// CheckLimits replaces zero values by those of plugins.DefaultLimits and
// refuses (plugins.ErrLimit) what no connection could carry.
func CheckLimits(l plugins.Limits) (plugins.Limits, error) {
	d := plugins.DefaultLimits()
	for _, f := range []struct {
		name       string
		value, std *uint64
	}{
		{"entry", &l.MaxEntryBytes, &d.MaxEntryBytes},
		{"batch", &l.MaxBatchBytes, &d.MaxBatchBytes},
		{"chunk", &l.MaxChunkBytes, &d.MaxChunkBytes},
	} {
		if *f.value == 0 {
			*f.value = *f.std
		}
		if *f.value > MaxMessageBytes {
			return l, fmt.Errorf("limit of %d bytes for one %s, at most %d: %w", *f.value, f.name, MaxMessageBytes, plugins.ErrLimit)
		}
	}
	if n := l.MaxMessageBytes(); n > MaxMessageBytes {
		return l, fmt.Errorf("limits need messages of %d bytes, at most %d: %w", n, MaxMessageBytes, plugins.ErrLimit)
	}
	return l, nil
}

// CheckOptions completes the limits of o and refuses what cannot be sent.
func CheckOptions(o plugins.Options) (plugins.Options, error) {
	limits, err := CheckLimits(o.Limits)
	if err != nil {
		return o, err
	}
	o.Limits = limits
	if o.Tick < 0 || o.Election < 0 || o.Tick > maxTiming || o.Election > maxTiming {
		return o, fmt.Errorf("tick %v and election timeout %v: %w", o.Tick, o.Election, plugins.ErrInvalidArgument)
	}
	return o, nil
}

// maxTiming is far beyond any use and fits the wire's 32 bits.
const maxTiming = 24 * time.Hour

// WireOptions is o as it travels. Durations are rounded up to milliseconds.
func WireOptions(o plugins.Options) pluginv1.OpenOptions {
	return pluginv1.OpenOptions{
		Config:      o.Config,
		ClusterId:   o.ClusterID,
		NodeId:      o.NodeID,
		NodeName:    o.NodeName,
		Group:       o.Group,
		Incarnation: o.Incarnation,
		DataDir:     o.DataDir,
		Limits: pluginv1.Limits{
			MaxEntryBytes:  o.Limits.MaxEntryBytes,
			MaxBatchBytes:  o.Limits.MaxBatchBytes,
			MaxChunkBytes:  o.Limits.MaxChunkBytes,
			SendBatchBytes: o.Limits.SendBatchBytes, SendChunkBytes: o.Limits.SendChunkBytes,
		},
		TickMs:     milliseconds(o.Tick),
		ElectionMs: milliseconds(o.Election),
		StoreId:    o.StoreID,

		HostVersion: o.HostVersion, HostCapabilities: wireCapabilities(o.HostCapabilities),
	}
}

func milliseconds(d time.Duration) uint32 {
	return uint32((d + time.Millisecond - 1) / time.Millisecond)
}

// GoOptions is the reverse of WireOptions.
func GoOptions(w pluginv1.OpenOptions) plugins.Options {
	return plugins.Options{
		Config:      w.Config,
		ClusterID:   w.ClusterId,
		NodeID:      w.NodeId,
		NodeName:    w.NodeName,
		Group:       w.Group,
		Incarnation: w.Incarnation,
		DataDir:     w.DataDir,
		Limits: plugins.Limits{
			MaxEntryBytes:  w.Limits.MaxEntryBytes,
			MaxBatchBytes:  w.Limits.MaxBatchBytes,
			MaxChunkBytes:  w.Limits.MaxChunkBytes,
			SendBatchBytes: w.Limits.SendBatchBytes, SendChunkBytes: w.Limits.SendChunkBytes,
		},
		Tick:     time.Duration(w.TickMs) * time.Millisecond,
		Election: time.Duration(w.ElectionMs) * time.Millisecond,
		StoreID:  w.StoreId,

		HostVersion: w.HostVersion, HostCapabilities: goCapabilities(w.HostCapabilities),
	}
}
