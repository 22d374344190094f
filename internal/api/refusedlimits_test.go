package api_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
)

// A proposal that comes alone is a request of its client, whatever becomes of it, and so
// is a stream that carries none.
func TestWhatComesAloneIsARequestWhateverBecomesOfIt(t *testing.T) {
	const all, allowed = 5, 2
	grpc := func(data []byte) func(*testing.T, *api.Server, string) bool {
		return func(t *testing.T, s *api.Server, token string) bool {
			_, err := hostClient(t, s).Propose(with(t.Context(), token), &hostv1.ProposeRequest{Data: data})
			return err != nil && failureIn(t, err).GetReason() == "too_many_requests"
		}
	}
	json := func(body string) func(*testing.T, *api.Server, string) bool {
		return func(t *testing.T, s *api.Server, token string) bool {
			code, _, _ := ask(t, "POST", "http://"+s.Addr().String()+"/v1/propose", token, body)
			return code == http.StatusTooManyRequests
		}
	}
	for name, limited := range map[string]func(*testing.T, *api.Server, string) bool{
		"gRPC, class":     grpc([]byte("admin: x")),
		"gRPC, size":      grpc(make([]byte, 1001)),
		"gRPC, served":    grpc([]byte("put: x")),
		"JSON, class":     json(`{"data":"YWRtaW46IHg="}`),
		"JSON, malformed": json(`{`),
		"JSON, served":    json(`{"data":"eA=="}`),
		"an empty stream": func(t *testing.T, s *api.Server, token string) bool {
			stream, err := hostClient(t, s).Proposals(with(t.Context(), token))
			if err != nil {
				t.Fatal(err)
			}
			_ = stream.CloseSend()
			_, err = stream.Recv()
			return !errors.Is(err, io.EOF) && failureIn(t, err).GetReason() == "too_many_requests"
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeys(t)
			g, err := access.New(&access.Policy{TokensFile: k.file, Limits: map[string]access.Limit{"a-write": {RequestsPerSecond: allowed}}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			s := start(t, api.Options{Service: &fakeService{}, Access: g, Classes: classesFor(), Limits: api.Limits{MaxValueBytes: 1000}})
			over := 0
			for range all {
				if limited(t, s, k.text[access.Write]) {
					over++
				}
			}
			if over == 0 {
				t.Errorf("none of %d is over a limit of %d a second", all, allowed)
			}
		})
	}
}
