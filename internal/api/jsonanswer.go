package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// A jsonAnswer is a line of JSON around data, whose text is made only as it is
// written: what counts among the results of all clients is what is held until their
// clients have read it, and the text is a third longer.
type jsonAnswer struct {
	before, data, after []byte
}

// textBytes of the text of an answer's data are made at a time, of dataBytes of them.
const (
	textBytes = paceBytes
	dataBytes = textBytes / 4 * 3
)

// writeJSON answers in one line. It takes the data out of m. The client may be gone,
// which is not an error of the host.
func writeJSON(w http.ResponseWriter, code int, m proto.Message) {
	a, err := jsonAnswerOf(m)
	if err != nil {
		// All our strings are valid UTF-8, so this is a defect; the request
		// may have been applied.
		code = http.StatusInternalServerError
		a, _ = jsonAnswerOf(&hostv1.Failure{Outcome: unknown, Reason: "internal", Message: "encode answer"})
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(a.size()))
	w.WriteHeader(code)
	_ = a.writeTo(w)
}

func jsonAnswerOf(m proto.Message) (a jsonAnswer, err error) {
	a.data = takeData(m)
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return jsonAnswer{}, err
	}
	// protojson puts spaces here and there on purpose; people compare answers.
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return jsonAnswer{}, err
	}
	line.WriteByte('\n')
	a.before = line.Bytes()
	if len(a.data) > 0 {
		// In a text a quotation mark has a backslash before it: this is the field.
		field := []byte(`"data":"`)
		at := bytes.Index(a.before, field) + len(field)
		a.before, a.after = a.before[:at], a.before[at:]
	}
	return a, nil
}

// takeData are the data of an answer, which has none then.
func takeData(m proto.Message) (data []byte) {
	switch m := m.(type) {
	case *hostv1.QueryResponse:
		data, m.Data = m.Data, nil
	case *hostv1.ProposeResponse:
		data, m.Data = m.Data, nil
	}
	return data
}

func (a *jsonAnswer) size() int {
	return len(a.before) + base64.StdEncoding.EncodedLen(len(a.data)) + len(a.after)
}

// writeTo writes the answer with one piece of the text of its data at a time.
func (a *jsonAnswer) writeTo(w http.ResponseWriter) error {
	if _, err := w.Write(a.before); err != nil {
		return err
	}
	text := make([]byte, min(textBytes, base64.StdEncoding.EncodedLen(len(a.data))))
	for data := a.data; len(data) > 0; {
		n := min(dataBytes, len(data))
		base64.StdEncoding.Encode(text, data[:n])
		if _, err := w.Write(text[:base64.StdEncoding.EncodedLen(n)]); err != nil {
			return err
		}
		data = data[n:]
	}
	_, err := w.Write(a.after)
	return err
}
