package api

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// The kinds of requests that can be refused, and the reasons for which a connection
// can be closed: labels of metrics, and places in counts.
const (
	deniedCall = iota
	deniedProposal
	deniedStream
	deniedWatch
	deniedBody
	deniedOpen
	deniedAnswer
	deniedKinds
)

const (
	closedSlow = iota
	closedPace
	closedResets
	closedUnfinished
	closedStreams
	closedUnread
	closedControl
	closedAuthority
	closedKinds
)

func refusedNames() [deniedKinds]string {
	return [...]string{"call", "proposal", "stream", "watch", "body", "open", "query_stream"}
}

func closedNames() [closedKinds]string {
	return [...]string{"slow", "pace", "resets", "unfinished", "streams", "unread", "control", "authority"}
}

// counts are what the bounds have cost clients.
type counts struct {
	refused [deniedKinds]atomic.Uint64
	closed  [closedKinds]atomic.Uint64
	// leftOut are the results that were left out of answers, ended the streams
	// that were ended because their clients did not read, and rest those that were
	// ended because too many refusals waited.
	leftOut, ended, rest atomic.Uint64
	// admin are the connections of the admin port that were closed for want of
	// room.
	admin atomic.Uint64
}

// collectors are the metrics of the client port.
func (b *bounds) collectors() []prometheus.Collector {
	const namespace = "pontoon"
	counter := func(name, help string, labels prometheus.Labels, from *atomic.Uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: name, Help: help, ConstLabels: labels,
		}, func() float64 { return float64(from.Load()) })
	}
	gauge := func(name, help string, value func() int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help},
			func() float64 { return float64(value()) })
	}
	all := []prometheus.Collector{
		gauge("api_streams", "Proposals streams that are open.", func() int64 { return b.streams.inUse().count }),
		gauge("api_calls", "Requests of clients that are being answered, without Proposals streams.", func() int64 { return b.calls.inUse().count }),
		gauge("api_query_streams", "Answers in chunks that are under way.", func() int64 { return b.answers.inUse().count }),
		gauge("api_results_bytes", "Bytes of results that wait until their clients read them.", b.results.Load),
		counter("api_results_left_out_total", "Results that were left out of answers because their clients did not read.", nil, &b.counts.leftOut),
		counter("api_streams_ended_total", "Proposals streams and answers in chunks that were ended because their clients did not read.", nil, &b.counts.ended),
		gauge("api_open_streams", "HTTP/2 streams that are not over, also those whose clients take no answer.", b.meters.streams.Load),
		gauge("api_unfinished_bytes", "Bytes of messages of clients of which a part has come.", b.meters.bytes.Load),
		gauge("api_unread_bytes", "Bytes that clients have sent and the host has not read.", b.meters.unread.Load),
		counter("api_admin_connections_closed_total", "Connections of the admin port that were closed because there were too many.", nil, &b.counts.admin),
		counter("api_streams_refused_total", "Proposals streams that were ended with the refusal of all the rest, because too many refusals waited to be read.", nil, &b.counts.rest),
	}
	for i, name := range refusedNames() {
		all = append(all, counter("api_refused_total", "Requests that were refused because there were too many.",
			prometheus.Labels{"what": name}, &b.counts.refused[i]))
	}
	for i, name := range closedNames() {
		all = append(all, counter("api_connections_closed_total", "Connections that were closed because of what the client did.",
			prometheus.Labels{"reason": name}, &b.counts.closed[i]))
	}
	return all
}
