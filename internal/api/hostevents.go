package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"google.golang.org/grpc"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// eventsAtOnce is how many events are taken out of the ring at a time: what a client that
// does not read keeps from being freed.
const eventsAtOnce = 100

type eventStream = grpc.ServerStreamingServer[hostv1.EventsResponse]

// Events implements hostv1.HostServer. It answers without a cluster and during a stop's first
// part, and needs no state machine.
func (r *requests) Events(req *hostv1.EventsRequest, stream eventStream) error {
	kinds, err := kindsOf(req.GetKinds())
	if err != nil {
		return err
	}
	ctx := stream.Context()
	member := server.NodeID(r.svc.Status().ID)
	header := &hostv1.EventsHeader{Member: member.String(), Start: r.happened.Start()}
	if err := stream.Send(&hostv1.EventsResponse{Part: &hostv1.EventsResponse_Header{Header: header}}); err != nil {
		return err
	}
	after, known := r.seen(req)
	for {
		batch, lost, changed := r.happened.After(after, eventsAtOnce)
		if lost > 0 && known { // the first answer to a client that has seen nothing lacks nothing
			if err := stream.Send(&hostv1.EventsResponse{Part: &hostv1.EventsResponse_Lost{Lost: lost}}); err != nil {
				return err
			}
		}
		known = true
		for _, e := range batch {
			after = e.Number
			if !wanted(e, kinds, req.GetSinceUnixMs()) {
				continue
			}
			if err := stream.Send(&hostv1.EventsResponse{Part: &hostv1.EventsResponse_Event{Event: eventMessage(e)}}); err != nil {
				return err
			}
		}
		switch {
		case len(batch) > 0:
			if err := context.Cause(ctx); err != nil {
				return err
			}
			continue
		case !req.GetFollow():
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.end.stopping:
			return &server.Error{Err: server.ErrStopping}
		}
	}
}

// seen is the number up to which a client knows the events of this start.
func (r *requests) seen(req *hostv1.EventsRequest) (after uint64, known bool) {
	all, _, _ := r.happened.Counts()
	start := req.GetAfterStart()
	if n := req.GetAfter(); n > 0 && n <= all && (start == 0 || start == r.happened.Start()) {
		return n, true
	}
	return 0, false
}

// kindsOf are kinds by the words of a request.
func kindsOf(words []string) ([]events.Kind, error) {
	all := events.Kinds()
	if len(words) > len(all) {
		return nil, malformed("%d kinds of events, there are %d", len(words), len(all))
	}
	var kinds []events.Kind
	for _, word := range words {
		if !slices.Contains(all, events.Kind(word)) {
			return nil, malformed("%.32q is not a kind of events: %v are", word, all)
		}
		kinds = append(kinds, events.Kind(word))
	}
	return kinds, nil
}

func wanted(e *events.Event, kinds []events.Kind, sinceMs uint64) bool {
	return (len(kinds) == 0 || slices.Contains(kinds, e.Kind)) && unixMs(e.Time) >= sinceMs
}

func eventMessage(e *events.Event) *hostv1.Event {
	m := &hostv1.Event{
		Number: e.Number, UnixMs: unixMs(e.Time), Kind: string(e.Kind), Severity: severity(e.Severity), Sentence: e.Sentence,
		Times: e.Times, SinceUnixMs: unixMs(e.Since),
	}
	for _, f := range e.Fields {
		field := &hostv1.EventField{Name: f.Name}
		switch v := f.Value.(type) {
		case string:
			field.Value = &hostv1.EventField_Text{Text: v}
		case int64:
			field.Value = &hostv1.EventField_Number{Number: v}
		case bool:
			field.Value = &hostv1.EventField_Flag{Flag: v}
		}
		m.Fields = append(m.Fields, field)
	}
	return m
}

func severity(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warning"
	}
	return "info"
}

// eventLines serves Events over HTTP/1.1, a line of JSON for each message. It takes the place
// that a stream of gRPC takes, and ends with the token that it came with.
func (r *requests) eventLines(w http.ResponseWriter, request *http.Request, body []byte) error {
	if len(body) > 0 {
		return malformed("a GET has no body: since, kind and follow are parameters")
	}
	req, err := eventsOf(request.URL.RawQuery, time.Now())
	if err != nil {
		return err
	}
	place, err := r.bounds.watch(sharerOf(request.Context()))
	if err != nil {
		return err
	}
	defer place.leave()
	ctx, cancel := context.WithCancelCause(request.Context())
	defer cancel(nil)
	defer untilInvalid(ctx, r.guard, cancel)()
	form := bodyForm[hostv1.EventsResponse]{contentType: jsonLines, message: eventLine, failed: func(f *hostv1.Failure) *hostv1.EventsResponse {
		return &hostv1.EventsResponse{Part: &hostv1.EventsResponse_Failure{Failure: f}}
	}}
	return newBodyStream(w, request.WithContext(ctx), form).serve(func(s eventStream) error { return r.Events(req, s) })
}

func eventLine(m *hostv1.EventsResponse) (a jsonAnswer, err error) {
	a.before, err = jsonLine(m)
	return a, err
}

// eventsOf reads an EventsRequest that is in a URL. since is a number of the start that start
// names, a time as RFC 3339 has it, or how long ago; kind may come more than once.
func eventsOf(raw string, now time.Time) (*hostv1.EventsRequest, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, malformed("the query of the URL: %v", err)
	}
	req := new(hostv1.EventsRequest)
	for key, all := range values {
		if key != "kind" && len(all) != 1 {
			return nil, malformed("the parameter %.32q comes %d times", key, len(all))
		}
		switch key {
		case "kind":
			req.Kinds = all
		case "since":
			if err := since(req, all[0], now); err != nil {
				return nil, err
			}
		case "start":
			if req.AfterStart, err = strconv.ParseUint(all[0], 10, 64); err != nil {
				return nil, malformed("start is %.32q, must be the start of an answer before", all[0])
			}
		case "follow":
			if req.Follow, err = strconv.ParseBool(all[0]); err != nil {
				return nil, malformed("follow is %.32q, must be true or false", all[0])
			}
		default:
			return nil, malformed("there is no parameter %.32q: since, start, kind and follow are", key)
		}
	}
	return req, nil
}

func since(req *hostv1.EventsRequest, text string, now time.Time) error {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		req.After = n
		return nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		req.SinceUnixMs = unixMs(now.Add(-ago))
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Before(time.Unix(0, 0)) {
		return malformed("since is %.32q, must be a number, a time such as 2026-12-01T12:00:00Z, or how long ago, such as 1h", text)
	}
	req.SinceUnixMs = unixMs(at)
	return nil
}
