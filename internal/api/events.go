package api

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// aliveEvery is how long an answer in events is silent at most: proxies on the way end
// connections that are.
const aliveEvery = 10 * time.Second

// sentEvents serves an answer in chunks as Server-Sent Events, as the script of a
// page and a curl without a body ask for it: the query is in the URL. A chunk is an event of the
// default type whose data are its bytes in base64; the others have a type, and JSON.
//
// There are no ids: what a place in an answer is, the state machine alone knows.
func sentEvents(answer func(*hostv1.QueryRequest, queryStream) error, every time.Duration) func(http.ResponseWriter, *http.Request, []byte) error {
	form := bodyForm[hostv1.QueryStreamResponse]{contentType: "text/event-stream", message: eventOf, failed: failedAnswer, life: ":\n\n", every: every}
	return func(w http.ResponseWriter, r *http.Request, body []byte) error {
		if len(body) > 0 {
			return malformed("a GET has no body: the query is the parameter data, in base64")
		}
		req, err := queryOf(r.URL.RawQuery)
		if err != nil {
			return err
		}
		return newBodyStream(w, r, form).serve(func(s queryStream) error { return answer(req, s) })
	}
}

// queryOf reads a QueryRequest that is in a URL: data, in base64 of either alphabet, with or without
// padding, consistency, and whether the answer is lasting. Each comes once at most, and nothing
// else does.
func queryOf(raw string) (*hostv1.QueryRequest, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, malformed("the query of the URL: %v", err)
	}
	req := new(hostv1.QueryRequest)
	for key, all := range values {
		if len(all) != 1 {
			return nil, malformed("the parameter %.32q comes %d times", key, len(all))
		}
		switch key {
		case "data":
			// An unescaped + is a space by now.
			text := strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(strings.TrimRight(all[0], "="))
			if req.Data, err = base64.RawStdEncoding.DecodeString(text); err != nil {
				return nil, malformed("the parameter data is not base64: %v", err)
			}
		case "consistency":
			level, ok := hostv1.Consistency_value["CONSISTENCY_"+strings.ToUpper(all[0])]
			if !ok {
				return nil, malformed("consistency is %.32q, must be linearizable or stale", all[0])
			}
			req.Consistency = hostv1.Consistency(level)
		case "lasting":
			if req.Lasting, err = strconv.ParseBool(all[0]); err != nil {
				return nil, malformed("lasting is %.32q, must be true or false", all[0])
			}
		default:
			return nil, malformed("there is no parameter %.32q: data, consistency and lasting are", key)
		}
	}
	return req, nil
}

// eventOf is one message as an event.
func eventOf(m *hostv1.QueryStreamResponse) (a jsonAnswer, err error) {
	var kind string
	var line []byte
	switch p := m.GetPart().(type) {
	case *hostv1.QueryStreamResponse_Chunk:
		return jsonAnswer{before: []byte("data: "), data: p.Chunk, after: []byte("\n\n")}, nil
	case *hostv1.QueryStreamResponse_Header:
		kind = "header"
		line, err = jsonLine(p.Header)
	case *hostv1.QueryStreamResponse_End:
		kind = "end"
		line, err = jsonLine(p.End)
	case *hostv1.QueryStreamResponse_Failure:
		kind = "failure"
		line, err = jsonLine(p.Failure)
	}
	return jsonAnswer{before: []byte("event: " + kind + "\ndata: "), after: append(line, '\n')}, err
}
