package api

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// A route is one path of the JSON API: its method and what it does with the
// body.
type route struct {
	method string
	serve  func(ctx context.Context, body []byte) (proto.Message, error)
	// stream serves in the place of serve, and answers itself unless there is an error.
	stream func(w http.ResponseWriter, r *http.Request, body []byte) error
	// events serves a GET in the place of stream.
	events func(w http.ResponseWriter, r *http.Request, body []byte) error
}

// allowed are the methods of the route.
func (r *route) allowed() string {
	if r.events != nil && r.method != http.MethodGet {
		return r.method + ", " + http.MethodGet
	}
	return r.method
}

// jsonAPI serves the unary forms over HTTP/1.1. Bodies are the messages of
// api/host/v1 in protobuf's JSON form, with the field names of the .proto
// file.
type jsonAPI struct {
	routes map[string]route
	limits Limits
	bounds *bounds
	origin *http.CrossOriginProtection
	names  *hostNames
}

func newJSONAPI(r *requests, names *hostNames) *jsonAPI {
	svc := r.service()
	return &jsonAPI{
		limits: r.limits, bounds: r.bounds, names: names,
		// A web page must not propose to the host on its reader's machine.
		origin: http.NewCrossOriginProtection(),
		routes: map[string]route{
			"/v1/propose":         {method: http.MethodPost, serve: unary(svc.Propose)},
			"/v1/query":           {method: http.MethodPost, serve: unary(svc.Query)},
			"/v1/query-stream":    {method: http.MethodPost, stream: lines(svc.QueryStream), events: sentEvents(svc.QueryStream, r.limits.AliveEvery)},
			"/v1/read-barrier":    {method: http.MethodPost, serve: unary(svc.ReadBarrier)},
			"/v1/status":          {method: http.MethodGet, serve: unary(svc.Status)},
			"/v1/members":         {method: http.MethodGet, serve: unary(svc.Members)},
			"/v1/members/add":     {method: http.MethodPost, serve: unary(svc.AddMember)},
			"/v1/members/update":  {method: http.MethodPost, serve: unary(svc.UpdateMember)},
			"/v1/members/remove":  {method: http.MethodPost, serve: unary(svc.RemoveMember)},
			"/v1/leader/transfer": {method: http.MethodPost, serve: unary(svc.TransferLeader)},
			"/v1/plugins/lines":   {method: http.MethodPost, serve: unary(svc.PluginLines)},
			"/v1/plugins/restart": {method: http.MethodPost, serve: unary(svc.RestartPlugin)},
			"/v1/plugins/upgrade": {method: http.MethodPost, serve: unary(svc.UpgradePlugin)},
			"/v1/storage/move":    {method: http.MethodPost, serve: unary(svc.MoveStorage)},
			"/v1/events":          {method: http.MethodGet, events: r.eventLines},
		},
	}
}

// message is a generated message type by its pointer.
type message[T any] interface {
	*T
	proto.Message
}

func unary[Req, Resp any, In message[Req], Out message[Resp]](
	call func(context.Context, In) (Out, error),
) func(context.Context, []byte) (proto.Message, error) {
	return func(ctx context.Context, body []byte) (proto.Message, error) {
		req := In(new(Req))
		if err := decodeJSON(body, req); err != nil {
			return nil, err
		}
		resp, err := call(ctx, req)
		if err != nil {
			return nil, err
		}
		return resp, nil
	}
}

// decodeJSON reads a request. No body at all is the empty one, as for GET.
func decodeJSON(body []byte, req proto.Message) error {
	if len(body) == 0 {
		return nil
	}
	if err := protojson.Unmarshal(body, req); err != nil {
		return malformed("%s", plainError(err))
	}
	return nil
}

// plainError drops protobuf's own prefix, which ends in one of two kinds of
// space to keep programs from comparing texts.
func plainError(err error) string {
	s := strings.TrimPrefix(err.Error(), "proto:")
	return strings.TrimLeft(strings.ReplaceAll(s, "\u00a0", " "), " ")
}

// ServeHTTP implements http.Handler.
func (j *jsonAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, out := withOutgoing(r.Context())
	defer out.gone()
	resp, err := j.serve(w, r.WithContext(ctx))
	if err != nil {
		if placeOf(r.Context()) != nil && errors.Is(err, server.ErrTooManyRequests) {
			w.Header().Set("Connection", "close") // see forClients
		}
		writeFailure(w, err)
		return
	}
	if resp == nil {
		return // the stream has answered
	}
	writeJSON(w, http.StatusOK, resp)
}

// writeFailure answers a request that has failed.
func writeFailure(w http.ResponseWriter, err error) {
	f := failureOf(err)
	if f.GetRetryAfterMs() > 0 {
		seconds := math.Ceil(float64(f.GetRetryAfterMs()) / 1000)
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	askForToken(w, err)
	writeJSON(w, verdictOf(err).http, f)
}

// askForToken says how a client that has shown no name can do so.
func askForToken(w http.ResponseWriter, err error) {
	if errors.Is(err, server.ErrUnauthenticated) {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
}

func (j *jsonAPI) serve(w http.ResponseWriter, r *http.Request) (proto.Message, error) {
	route, ok := j.routes[r.URL.Path]
	if !ok {
		return nil, detail(errNoSuchPath, r.URL.Path)
	}
	inEvents := route.events != nil && r.Method == http.MethodGet
	if r.Method != route.method && !inEvents {
		w.Header().Set("Allow", route.allowed())
		return nil, detail(errWrongMethod, r.Method+" on "+r.URL.Path+", use "+route.allowed())
	}
	if err := j.names.check(r.Host); err != nil {
		return nil, err
	}
	asked := r
	if inEvents { // it takes a place for hours, so it is as good as a POST to a page of another origin
		post := *r
		post.Method = http.MethodPost
		asked, route.stream = &post, route.events
	}
	if err := j.origin.Check(asked); err != nil {
		return nil, detail(errCrossOrigin, err.Error())
	}
	size := r.ContentLength
	if limit := j.limits.jsonBytes(); size < 0 || size > limit {
		size = limit
	}
	place, err := j.bounds.body(sharerOf(r.Context()), size)
	if err != nil {
		return nil, err
	}
	leave := sync.OnceFunc(place.leave)
	defer leave()
	body, err := j.body(w, r)
	if err != nil {
		return nil, err
	}
	if route.stream != nil {
		leave() // it may go on for hours, and has a place among the answers in chunks
		return nil, route.stream(w, r, body)
	}
	return route.serve(r.Context(), body)
}

// maxUnwanted is how much of a body that is too large is still read. A client
// that is cut off while it sends sees a broken connection and no reason.
const maxUnwanted = 16 << 20

func (j *jsonAPI) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit, from := j.limits.jsonBytes(), newPacedBody(w, r, j.limits)
	if r.ContentLength > limit {
		_, _ = io.CopyN(io.Discard, from, maxUnwanted)
		return nil, tooLarge("request body", int(min(r.ContentLength, math.MaxInt)), int(limit))
	}
	body, err := io.ReadAll(io.LimitReader(from, limit+1))
	switch {
	case isSlow(err):
		j.bounds.counts.closed[closedPace].Add(1)
		return nil, malformed("read body: each %d bytes of it have %v to come, and all of it %v", paceBytes, j.limits.Pace, j.limits.ReadRequest)
	case err != nil:
		return nil, malformed("read body: %v", err)
	case int64(len(body)) > limit:
		_, _ = io.CopyN(io.Discard, from, maxUnwanted)
		return nil, tooLarge("request body of unknown size, at least", int(limit)+1, int(limit))
	}
	from.done()
	return body, nil
}
