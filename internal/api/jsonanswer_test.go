package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// An answer in JSON is one line, the same as protobuf's with all of its data at once,
// and says how long it is.
func TestAnAnswerInJSONIsTheTextOfItsMessage(t *testing.T) {
	const piece = paceBytes / 4 * 3 // of the data, whose text is written at once
	for _, size := range []int{0, 1, 2, 3, piece - 1, piece, piece + 1, 3*piece + 2} {
		data := bytes.Repeat([]byte{0xfb, 0, 0xff}, size/3+1)[:size]
		for _, m := range []proto.Message{
			&hostv1.QueryResponse{Data: data, Index: 7},
			&hostv1.ProposeResponse{Index: 1 << 40, Data: data, Error: `"data":""`, ResultLost: true},
		} {
			text, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			var want bytes.Buffer
			if err := json.Compact(&want, text); err != nil {
				t.Fatal(err)
			}
			want.WriteByte('\n')
			got := httptest.NewRecorder()
			writeJSON(got, http.StatusOK, m)
			if !bytes.Equal(got.Body.Bytes(), want.Bytes()) {
				t.Errorf("%T with %d bytes of data has another text", m, size)
			}
			if length := got.Header().Get("Content-Length"); length != strconv.Itoa(want.Len()) {
				t.Errorf("%T with %d bytes of data has the length %s of %d", m, size, length, want.Len())
			}
		}
	}
}

// A discarded is the way to a client that reads at once.
type discarded struct{ written int }

func (*discarded) Header() http.Header { return http.Header{} }
func (*discarded) WriteHeader(int)     {}
func (d *discarded) Write(b []byte) (int, error) {
	d.written += len(b)
	return len(b), nil
}

// The text of a large answer is never there as a whole: the host holds the data that
// count, for a client that does not read, and a piece of text.
func TestTheTextOfALargeAnswerIsMadeInPieces(t *testing.T) {
	const large, most = 8 << 20, 256 << 10
	m := &hostv1.QueryResponse{Data: make([]byte, large)}
	var w discarded
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	writeJSON(&w, http.StatusOK, m)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > most {
		t.Errorf("%d bytes were made for an answer of %d, at most %d are to be", got, large, most)
	}
	if w.written < base64.StdEncoding.EncodedLen(large) {
		t.Errorf("%d bytes were written", w.written)
	}
}
