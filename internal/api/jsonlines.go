package api

import (
	"net/http"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// jsonLines is the content type of a line of JSON for each message.
const jsonLines = "application/x-ndjson"

// failedAnswer is the end of an answer that is not whole.
func failedAnswer(f *hostv1.Failure) *hostv1.QueryStreamResponse {
	return &hostv1.QueryStreamResponse{Part: &hostv1.QueryStreamResponse_Failure{Failure: f}}
}

// lines serves an answer in chunks over HTTP/1.1: a line of JSON for each message. An
// answer that is not whole ends with a line that says why, and the body without its own
// end, so that no reader takes it for a whole one.
func lines(answer func(*hostv1.QueryRequest, queryStream) error) func(http.ResponseWriter, *http.Request, []byte) error {
	return func(w http.ResponseWriter, r *http.Request, body []byte) error {
		req := new(hostv1.QueryRequest)
		if err := decodeJSON(body, req); err != nil {
			return err
		}
		return newBodyStream(w, r, bodyForm[hostv1.QueryStreamResponse]{contentType: jsonLines, message: lineOf, failed: failedAnswer}).
			serve(func(s queryStream) error { return answer(req, s) })
	}
}

// lineOf is one message as a line.
func lineOf(m *hostv1.QueryStreamResponse) (a jsonAnswer, err error) {
	var data []byte
	if c, ok := m.GetPart().(*hostv1.QueryStreamResponse_Chunk); ok {
		data = c.Chunk
		m = &hostv1.QueryStreamResponse{Part: &hostv1.QueryStreamResponse_Chunk{}}
	}
	if a.before, err = jsonLine(m); err == nil && len(data) > 0 {
		a.split("chunk", data)
	}
	return a, err
}
