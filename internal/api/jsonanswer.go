package api

import (
	"bufio"
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
// written. The bytes held until clients have read them count among the results of
// all clients, and the text is a third longer.
type jsonAnswer struct {
	before, data, after []byte
}

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
	data := takeData(m)
	if a.before, err = jsonLine(m); err != nil {
		return jsonAnswer{}, err
	}
	if len(data) > 0 {
		a.split("data", data)
	}
	return a, nil
}

// jsonLine is m in one line.
func jsonLine(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	// protojson puts spaces here and there on purpose; people compare answers.
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return nil, err
	}
	line.WriteByte('\n')
	return line.Bytes(), nil
}

// split puts data into a field that is empty.
func (a *jsonAnswer) split(field string, data []byte) {
	// In a text a quotation mark has a backslash before it: this is the field.
	begin := []byte(`"` + field + `":"`)
	at := bytes.Index(a.before, begin) + len(begin)
	a.before, a.data, a.after = a.before[:at], data, a.before[at:]
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

// writeTo writes the answer in pieces, of which each is made when it is its turn.
func (a *jsonAnswer) writeTo(w http.ResponseWriter) error {
	line := bufio.NewWriterSize(w, min(paceBytes, a.size()))
	text := base64.NewEncoder(base64.StdEncoding, line)
	_, _ = line.Write(a.before)
	_, _ = text.Write(a.data)
	_ = text.Close()
	_, _ = line.Write(a.after)
	return line.Flush() // with the error of any of these
}
