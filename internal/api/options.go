package api

import (
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
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
	// Metrics is where the metrics of the client port are registered; may be nil.
	Metrics prometheus.Registerer
	Limits  Limits
	// HostNames are names, besides addresses and the members' own, under which
	// HTTP/1.1 requests may address the two ports. A name that begins with a dot
	// stands for all names below it, "*" for all names.
	HostNames []string
	// Access decides what clients may do; nil lets all of them do everything.
	Access *access.Guard
	// Classes are those of the state machine's commands and queries, which Access
	// holds clients to; nil if there are none.
	Classes *access.Classes
	// Audit keeps a record of what clients ask for; nil if there is none.
	Audit *audit.Log
	// Events are those of the host; without them there are none.
	Events *events.Ring
	// TLS and AdminTLS protect the client and the admin port.
	TLS, AdminTLS TLS
	// Insecure and AdminInsecure allow a port without TLS on an address other than
	// loopback.
	Insecure, AdminInsecure bool
	// Version is what Status reports if the service leaves it empty.
	Version string
}

// Limits bound what clients can ask for. A zero value means the default where one is
// named here; the host fills in those of the others.
type Limits struct {
	// MaxValueBytes is the largest data of one proposal or query. The service has
	// the last word on proposals: a larger one is refused there or here, in either
	// case as not applied.
	MaxValueBytes int
	// MaxConnections counts client connections of both kinds, by default
	// 1024. It is never more than the limit of descriptors allows beside a reserve
	// for plugins and storage. Sixteen more are served too, but a proposal or query
	// there is refused and its connection closed. Those above are closed at once.
	MaxConnections int
	// MaxStreams is the most concurrent calls of one connection, by default
	// 512; further ones wait in the client.
	MaxStreams uint32
	// MaxInFlight and MaxInFlightBytes bound the proposals of one Proposals stream
	// that were read and whose answers were not yet sent, by default 16384 and 64
	// MiB. Proposals beyond that are refused as too_many_requests. Of results that
	// the client does not read no more bytes are kept, either: those beyond are left
	// out, and their entries were applied.
	MaxInFlight      int
	MaxInFlightBytes int
	// MaxPending and MaxPendingBytes bound the proposals of all clients together
	// that were read and whose answers were not yet sent. A client that wants
	// everything gets eight ninths, and several divide them: some are always left for
	// one that comes. A proposal above is refused as too_many_requests.
	MaxPending      int
	MaxPendingBytes int64
	// MaxProposalStreams bounds the Proposals streams of all clients together, MaxCalls
	// the other requests for the service that are being answered. Both are divided as
	// MaxPending is.
	MaxProposalStreams, MaxCalls int
	// MaxQueryStreams bounds the answers in chunks of all clients together, by default
	// and at most what a state machine has at a time. It is divided as MaxPending is.
	MaxQueryStreams int
	// MaxWatches bounds the streams of health, reflection and events of all clients
	// together, by default 128. Not more than 16 are of one connection.
	MaxWatches int
	// MaxOpenCalls bounds all calls by gRPC of all clients together, also those
	// whose request has not come yet, by default 512 more than all of the above.
	// Connections whose calls never end, because the client takes no answer, are
	// closed at twice as many.
	MaxOpenCalls int
	// MaxAdminConnections bounds the connections of the admin port, by default 64.
	// The oldest one on which no request is being answered is closed for a new one.
	MaxAdminConnections int
	// Pace is how long 16 KiB of the body of an HTTP/1.1 request may take, by
	// default 5 s.
	Pace time.Duration
	// MaxResultBytes bounds the results of all clients together that they have not
	// read, by default 48 MiB. Results beyond are left out of their answers.
	MaxResultBytes int
	// SlowAfter is how long a client may leave a message unread before the results
	// that wait after it are left out, by default 2 s. After StalledAfter, by
	// default 10 s, its stream is ended, and as long after that its connection
	// closed, unless it reads on.
	SlowAfter, StalledAfter time.Duration
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
	// AliveEvery is how long an answer in Server-Sent Events is silent at most, by
	// default 10 s.
	AliveEvery time.Duration
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
	resultBatchBytes = 32 << 10
	// proposalOverhead is what a proposal without data counts for.
	proposalOverhead = 64
	// fullRetryAfter is the advice to a client whose stream is full.
	fullRetryAfter = 10 * time.Millisecond
)

func (l Limits) withDefaults() Limits {
	l.MaxConnections = connectionsWithin(descriptorLimit(), l.MaxConnections)
	defaults.Or(&l.MaxStreams, 512)
	defaults.Or(&l.MaxInFlight, 16<<10)
	defaults.Or(&l.MaxInFlightBytes, 64<<20)
	defaults.Or(&l.MaxQueryStreams, statemachine.MaxQueryStreams)
	defaults.Or(&l.MaxWatches, 128)
	defaults.Or(&l.MaxOpenCalls, l.MaxProposalStreams+l.MaxCalls+l.MaxQueryStreams+l.MaxWatches+512)
	defaults.Or(&l.MaxAdminConnections, 64)
	defaults.Or(&l.Pace, 5*time.Second)
	defaults.Or(&l.MaxResultBytes, 48<<20)
	defaults.Or(&l.SlowAfter, 2*time.Second)
	defaults.Or(&l.StalledAfter, 10*time.Second)
	defaults.Or(&l.FirstBytes, 10*time.Second)
	defaults.Or(&l.ReadRequest, time.Minute)
	defaults.Or(&l.Idle, 2*time.Minute)
	defaults.Or(&l.ReservedIdle, 5*time.Second)
	defaults.Or(&l.HealthInterval, 200*time.Millisecond)
	defaults.Or(&l.AliveEvery, aliveEvery)
	return l
}

// messageBytes is the largest message that is decoded.
func (l Limits) messageBytes() int {
	return max(l.MaxValueBytes, minBatchBytes) + batchOverhead
}

// receiveBytes is the largest message that is read at all. Those between it
// and messageBytes are answered with a Failure; a larger one still makes gRPC
// end the call with a bare ResourceExhausted.
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
