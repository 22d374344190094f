package api

import (
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/core/access"
	"github.com/pontoon-raft/pontoon/core/audit"
	"github.com/pontoon-raft/pontoon/core/server"
	"github.com/pontoon-raft/pontoon/internal/defaults"
)

// Options is what a Server is made of.
type Options struct {
	// Service is required.
	Service server.Service
	// Refusals observes for each proposal on a stream that there was no room for how
	// many seconds passed from when it was read until its refusal was given to the
	// connection. It may be nil.
	Refusals prometheus.Observer
	// Logger is slog.Default() if nil.
	Logger *slog.Logger
	// Gatherer answers /metrics; without one there is no such path.
	Gatherer prometheus.Gatherer
	Limits   Limits
	// HostNames are names, besides addresses and the members' own, under which
	// HTTP/1.1 requests may address the two ports. A name that begins with a dot
	// stands for all names below it, "*" for all names.
	HostNames []string
	// Access decides what clients may do; nil lets all of them do everything.
	Access *access.Guard
	// Audit keeps a record of what clients ask for; nil if there is none.
	Audit *audit.Log
	// Version is what Status reports if the service leaves it empty.
	Version string
}

// Limits bound what clients can ask for. A zero value means the default.
type Limits struct {
	// MaxValueBytes is the largest data of one proposal or query; by default
	// 1.5 MiB. The service has the last word on proposals: what is larger is
	// refused there or here, in either case as not applied.
	MaxValueBytes int
	// MaxConnections counts client connections of both kinds, by default
	// 1024. It is never more than the limit of descriptors allows behind a
	// reserve for plugins and storage. Sixteen more are served too, but neither propose nor
	// query there: who does is refused and the connection closed. Those above are
	// closed at once.
	MaxConnections int
	// MaxStreams is the most concurrent calls of one connection, by default
	// 1024; further ones wait in the client.
	MaxStreams uint32
	// MaxInFlight and MaxInFlightBytes bound the proposals of one Proposals
	// stream that were read and whose answers were not yet sent, by default
	// 16384 and 64 MiB. What is above is refused as too_many_requests. Of results
	// that the client does not read no more bytes are kept, either: those beyond are
	// left out, and their entries were applied.
	MaxInFlight      int
	MaxInFlightBytes int
	// FirstBytes is how long a new connection may take to show its protocol,
	// and an HTTP/1.1 request its header; by default 10 s.
	FirstBytes time.Duration
	// ReadRequest is how long an HTTP/1.1 request may take to arrive, by
	// default 1 min. Idle is how long such a connection stays open between
	// requests, by default 2 min.
	ReadRequest, Idle time.Duration
	// ReservedIdle is how long a connection beyond MaxConnections stays open
	// between requests, by default 5 s.
	ReservedIdle time.Duration
	// HealthInterval is how often health watchers are brought up to date, by
	// default 200 ms.
	HealthInterval time.Duration
}

const (
	// batchOverhead is the room around the data in a message.
	batchOverhead = 64 << 10
	// minBatchBytes is the batch that every host takes, however small its
	// values.
	minBatchBytes = 1 << 20
	// minReceiveBytes is how much of an oversized message is at least read in
	// order to refuse it with a Failure instead of breaking the stream.
	minReceiveBytes = 16 << 20
	// resultBatchBytes is where a batch of results is closed; a single larger
	// result travels alone.
	resultBatchBytes = 256 << 10
	// proposalOverhead is what a proposal without data counts for.
	proposalOverhead = 64
	// fullRetryAfter is the advice to a client whose stream is full.
	fullRetryAfter = 10 * time.Millisecond
)

func (l Limits) withDefaults() Limits {
	orDefault(&l.MaxValueBytes, defaults.MaxValueBytes)
	l.MaxConnections = connectionsWithin(descriptorLimit(), l.MaxConnections)
	orDefault(&l.MaxStreams, 1024)
	orDefault(&l.MaxInFlight, 16<<10)
	orDefault(&l.MaxInFlightBytes, 64<<20)
	orDefault(&l.FirstBytes, 10*time.Second)
	orDefault(&l.ReadRequest, time.Minute)
	orDefault(&l.Idle, 2*time.Minute)
	orDefault(&l.ReservedIdle, 5*time.Second)
	orDefault(&l.HealthInterval, 200*time.Millisecond)
	return l
}

func orDefault[T int | uint32 | time.Duration](v *T, byDefault T) {
	if *v <= 0 {
		*v = byDefault
	}
}

// messageBytes is the largest message that is decoded.
func (l Limits) messageBytes() int {
	return max(l.MaxValueBytes, minBatchBytes) + batchOverhead
}

// receiveBytes is the largest message that is read at all. Those between it
// and messageBytes are answered with a Failure; what is larger still makes
// gRPC end the call with a bare ResourceExhausted.
func (l Limits) receiveBytes() int { return max(2*l.messageBytes(), minReceiveBytes) }

// jsonBytes is the largest body of a JSON request, whose bytes are base64.
func (l Limits) jsonBytes() int64 {
	return int64(l.MaxValueBytes)*4/3 + batchOverhead
}

func (o Options) validate() error {
	if o.Service == nil {
		return errors.New("api: no service")
	}
	return nil
}
