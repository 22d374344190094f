package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// resets opens so many streams and breaks them off. An error is that of the connection.
func resets(c *rawClient, n int) error {
	for range n {
		id, err := c.begin(hostv1.Host_Proposals_FullMethodName)
		if err == nil {
			err = c.framer.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A client that opens streams to break them off is cut off; one that breaks off
// some is not.
func TestRapidResetsCutAClientOff(t *testing.T) {
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: &fakeService{}, Metrics: r, Logger: slog.New(slog.DiscardHandler)})
	patient := dialRaw(t, s, 64<<10)
	if err := resets(patient, 200); err != nil {
		t.Fatal(err)
	}
	if err := patient.framer.WritePing(false, [8]byte{1}); err != nil {
		t.Fatal(err)
	}
	answersPing := func() {
		t.Helper()
		for {
			f, err := patient.framer.ReadFrame()
			if err != nil {
				t.Fatalf("a client that breaks off 200 streams: %v", err)
			}
			if p, ok := f.(*http2.PingFrame); ok && p.IsAck() {
				return
			}
		}
	}
	answersPing()
	attacker := dialRaw(t, s, 64<<10)
	go func() { _, _ = io.Copy(io.Discard, attacker.conn) }()
	_ = resets(attacker, 20_000) // an error is that of the connection
	within(t, "the attacker is cut off", func() bool { return metric(t, r, "pontoon_api_connections_closed_total") == 1 })
	if err := patient.framer.WritePing(false, [8]byte{2}); err != nil {
		t.Fatal(err)
	}
	answersPing()
	within(t, "its streams are gone", func() bool { return metric(t, r, "pontoon_api_open_streams") == 0 })
}

// A client that floods a connection with frames about the connection itself is cut
// off, and told of in the metric.
func TestAFloodOfSettingsCutsAClientOff(t *testing.T) {
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: &fakeService{}, Metrics: r, Logger: slog.New(slog.DiscardHandler)})
	attacker := dialRaw(t, s, 64<<10)
	go func() { _, _ = io.Copy(io.Discard, attacker.conn) }()
	for range 20_000 {
		if attacker.framer.WriteSettings() != nil {
			break // the connection is closed
		}
	}
	within(t, "the attacker is cut off", func() bool { return metric(t, r, "pontoon_api_connections_closed_total") == 1 })
}

// largeAnswers is a service that answers each query with so many bytes.
type largeAnswers struct {
	*fakeService
	size int
}

func (s largeAnswers) Query(context.Context, []byte, server.Consistency) (server.Answer, error) {
	return server.Answer{Data: make([]byte, s.size)}, nil
}

// Answers that go alone are bounded as results on streams are: a client that has
// no room for any does not have the host keep them all, whatever their size.
func TestAnswersThatAreNotReadAreBounded(t *testing.T) {
	const most = 1 << 20
	for _, size := range []int{5 << 10, 40 << 10, 64 << 10, 100 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := prometheus.NewRegistry()
			s := start(t, api.Options{Service: largeAnswers{&fakeService{}, size}, Metrics: r, Limits: api.Limits{MaxResultBytes: most}})
			silent := dialRaw(t, s, 0)
			asked := 2 * most / size
			for range asked {
				silent.call(hostv1.Host_Query_FullMethodName, &hostv1.QueryRequest{Data: []byte("x")})
			}
			within(t, "some answers are refused", func() bool {
				return metric(t, r, "pontoon_api_results_left_out_total") >= float64(asked-most/size)
			})
			if kept := metric(t, r, "pontoon_api_results_bytes"); kept > most {
				t.Errorf("%.0f bytes are kept, at most %d may be", kept, most)
			}
			silent.conn.Close()
			within(t, "nothing is kept", func() bool { return metric(t, r, "pontoon_api_results_bytes") == 0 })
		})
	}
}

// A long list of members counts as any other answer does. The outcome of a change is
// told in any case: it cannot be taken back.
func TestListsOfMembersThatAreNotReadAreBounded(t *testing.T) {
	r := prometheus.NewRegistry()
	svc := &fakeService{}
	for i := range 1000 {
		svc.joined = append(svc.joined, server.Member{ID: server.NodeID(i + 1000), Name: fmt.Sprint("n", i), ClientAddress: "127.0.0.1:1"})
	}
	s := start(t, api.Options{Service: svc, Metrics: r, Limits: api.Limits{MaxResultBytes: 10 << 10}})
	silent := dialRaw(t, s, 0)
	silent.call(hostv1.Host_Members_FullMethodName, &hostv1.MembersRequest{})
	within(t, "the list waits", func() bool { return metric(t, r, "pontoon_api_results_bytes") > 10<<10 })
	other := hostClient(t, s)
	if _, err := other.Members(t.Context(), &hostv1.MembersRequest{}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("another list is answered with %v", err)
	}
	if _, err := other.RemoveMember(t.Context(), &hostv1.RemoveMemberRequest{Id: "a"}); err != nil {
		t.Errorf("a removal that has taken place is answered with %v", err)
	}
}

// Health watches are bounded for each connection and for the host.
func TestWatchesAreBounded(t *testing.T) {
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: &fakeService{}, Metrics: r, Limits: api.Limits{MaxWatches: 64}})
	ctx, cancel := context.WithCancel(t.Context())
	watch := func(h grpc_health_v1.HealthClient) error {
		w, err := h.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
		if err == nil {
			_, err = w.Recv()
		}
		return err
	}
	total := 0
	for range 5 {
		h, of := grpc_health_v1.NewHealthClient(dial(t, s)), 0
		for range 20 {
			switch err := watch(h); status.Code(err) {
			case codes.OK:
				of++
			case codes.ResourceExhausted:
				refusedAsNotApplied(t, err)
			default:
				t.Fatal(err)
			}
		}
		if of > 16 || of == 0 {
			t.Errorf("one connection has %d watches", of)
		}
		total += of
	}
	if total > 64 || metric(t, r, "pontoon_api_refused_total") != float64(100-total) {
		t.Errorf("%d watches are open", total)
	}
	cancel()
	h := grpc_health_v1.NewHealthClient(dial(t, s))
	within(t, "there is room again", func() bool {
		w, err := h.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		if err == nil {
			_, err = w.Recv()
		}
		return err == nil
	})
}

// trickle sends a request whose body does not come, and reads the answer.
func trickle(t *testing.T, s *api.Server) (conn net.Conn, code int, body string) {
	t.Helper()
	conn = connect(t, s)
	if _, err := io.WriteString(conn, "POST /v1/propose HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	return conn, resp.StatusCode, string(text)
}

// The body of a request has a minimum rate, whatever the time for all of it.
func TestABodyThatTricklesIsGivenUp(t *testing.T) {
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: &fakeService{}, Metrics: r, Limits: api.Limits{Pace: 50 * time.Millisecond, ReadRequest: time.Hour}})
	conn, code, body := trickle(t, s)
	if code != http.StatusBadRequest || !strings.Contains(body, "to come") {
		t.Errorf("answered with %d %s", code, body)
	}
	closedByHost(t, conn)
	if metric(t, r, "pontoon_api_connections_closed_total") != 1 {
		t.Error("the metric does not tell")
	}
}

// The time for the body is not that for the answer, also if there is no body.
func TestAnAnswerMayTakeLongerThanItsRequest(t *testing.T) {
	for name, body := range map[string]string{"with a body": `{"data":"eA=="}`, "without one": ""} {
		t.Run(name, func(t *testing.T) {
			svc := &fakeService{hold: true}
			s := start(t, api.Options{Service: svc, Limits: api.Limits{Pace: 20 * time.Millisecond, ReadRequest: 20 * time.Millisecond}})
			answered := make(chan int, 1)
			go func() {
				resp, err := httpClient().Post("http://"+s.Addr().String()+"/v1/propose", "application/json", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					answered <- 0
					return
				}
				resp.Body.Close()
				answered <- resp.StatusCode
			}()
			within(t, "the proposal is with the service", func() bool { return svc.heldCount() == 1 })
			for range 3 { // each has as long as the proposal had, and came later
				if _, code, text := trickle(t, s); code != http.StatusBadRequest {
					t.Errorf("a request that does not come is answered with %d %s", code, text)
				}
			}
			svc.release(nil)
			if code := <-answered; code != http.StatusOK {
				t.Errorf("answered with %d", code)
			}
		})
	}
}

// Bodies are bounded in bytes for all clients together.
func TestBodiesAreBounded(t *testing.T) {
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: &fakeService{}, Metrics: r})
	var slow []net.Conn
	for range 16 { // of 1.5 MiB each: 24 MiB are more than may be read at a time
		conn := connect(t, s)
		if _, err := io.WriteString(conn, "POST /v1/propose HTTP/1.1\r\nHost: h\r\nContent-Length: 1572864\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	within(t, "some are refused", func() bool { return metric(t, r, "pontoon_api_refused_total") > 0 })
	resp, err := httpClient().Post("http://"+s.Addr().String()+"/v1/propose", "application/json", strings.NewReader(`{"data":"eA=="}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a small one is answered with %d", resp.StatusCode)
	}
	for _, conn := range slow {
		conn.Close()
	}
}

// A client that takes no answer leaves room for the answers of others, for as long
// as it stays.
func TestAClientThatTakesNoAnswerLeavesRoomForOthers(t *testing.T) {
	const large, most = 100 << 10, 1 << 20
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: largeAnswers{&fakeService{}, large}, Metrics: r, Limits: api.Limits{MaxResultBytes: most}})
	silent := dialRaw(t, s, 0)
	for range 30 {
		silent.call(hostv1.Host_Query_FullMethodName, &hostv1.QueryRequest{Data: []byte("x")})
	}
	within(t, "some answers are refused", func() bool { return metric(t, r, "pontoon_api_results_left_out_total") >= 20 })
	answer, err := hostClient(t, s).Query(t.Context(), &hostv1.QueryRequest{Data: []byte("x")})
	if err != nil || len(answer.GetData()) != large {
		t.Errorf("another client is answered with %v", err)
	}
}

// A client without TLS, where that is wanted, is held to the same bounds while it is
// told so.
func TestAClientWithoutTLSIsHeldToTheBounds(t *testing.T) {
	r := prometheus.NewRegistry()
	s := start(t, api.Options{
		Service: &fakeService{}, Metrics: r, TLS: newAuthority(t).port(t, api.AuthNone), Logger: slog.New(slog.DiscardHandler),
	})
	attacker := dialRaw(t, s, 64<<10)
	go func() { _, _ = io.Copy(io.Discard, attacker.conn) }()
	_ = resets(attacker, 20_000) // an error is that of the connection
	within(t, "the attacker is cut off", func() bool { return metric(t, r, "pontoon_api_connections_closed_total") == 1 })
}
