//go:build linux

package linearizability

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
)

// A session is how a client speaks to a member.
type session interface {
	Propose(ctx context.Context, command []byte) (client.Result, error)
	Query(ctx context.Context, query []byte, level client.Consistency) (client.Answer, error)
}

// A jsonSession asks one member and no other, each time once: the history has
// what the member answers.
type jsonSession struct {
	member *member
	web    http.Client
}

func newJSONSession(m *member) *jsonSession {
	return &jsonSession{member: m, web: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
}

// Propose implements session.
func (s *jsonSession) Propose(ctx context.Context, command []byte) (client.Result, error) {
	var answer hostv1.ProposeResponse
	if err := s.post(ctx, "/v1/propose", &hostv1.ProposeRequest{Data: command}, &answer); err != nil {
		return client.Result{}, err
	}
	return client.Result{Index: answer.GetIndex(), Data: answer.GetData(), Error: answer.GetError(), Lost: answer.GetResultLost()}, nil
}

// Query implements session.
func (s *jsonSession) Query(ctx context.Context, query []byte, level client.Consistency) (client.Answer, error) {
	request := &hostv1.QueryRequest{Data: query, Consistency: hostv1.Consistency_CONSISTENCY_LINEARIZABLE}
	if level == client.Stale {
		request.Consistency = hostv1.Consistency_CONSISTENCY_STALE
	}
	var answer hostv1.QueryResponse
	if err := s.post(ctx, "/v1/query", request, &answer); err != nil {
		return client.Answer{}, err
	}
	return client.Answer{Data: answer.GetData(), Index: answer.GetIndex()}, nil
}

// post asks once. A failure is a client.Error.
func (s *jsonSession) post(ctx context.Context, path string, request, answer proto.Message) error {
	body, err := protojson.Marshal(request)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.member.client+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := s.web.Do(r)
	if err != nil {
		return unanswered(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return unanswered(err)
	}
	if response.StatusCode != http.StatusOK {
		return refusal(response.StatusCode, raw)
	}
	if err := protojson.Unmarshal(raw, answer); err != nil {
		return &client.Error{Outcome: client.Unknown, Reason: client.ReasonBadAnswer, Message: string(raw), Err: err}
	}
	return nil
}

// unanswered is a request without an answer. It had no effect only if there was
// no connection to send it on.
func unanswered(err error) error {
	var network *net.OpError
	if errors.As(err, &network) && network.Op == "dial" {
		return &client.Error{Outcome: client.NotApplied, Reason: client.ReasonUnreachable, Err: err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &client.Error{Outcome: client.Unknown, Reason: client.ReasonTimeout, Err: err}
	}
	return &client.Error{Outcome: client.Unknown, Reason: client.ReasonConnectionLost, Err: err}
}

// refusal is an answer that is a failure.
func refusal(code int, body []byte) error {
	var f hostv1.Failure
	if err := protojson.Unmarshal(body, &f); err != nil {
		return &client.Error{Outcome: client.Unknown, Reason: client.ReasonBadAnswer, Message: fmt.Sprintf("%d: %s", code, body), Err: err}
	}
	e := &client.Error{Outcome: client.Unknown, Reason: f.GetReason(), Message: f.GetMessage()}
	if f.GetOutcome() == hostv1.Outcome_OUTCOME_NOT_APPLIED {
		e.Outcome = client.NotApplied
	}
	return e
}
