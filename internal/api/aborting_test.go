package api_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
)

// An abortingClient is one that breaks off. None of its errors matters.
type abortingClient struct {
	*aborts
	rng *rand.Rand
	t   *testing.T
}

func abortKinds() []func(*abortingClient) {
	return []func(*abortingClient){
		(*abortingClient).calls, (*abortingClient).proposals, (*abortingClient).watches,
		(*abortingClient).json, (*abortingClient).pieces, (*abortingClient).frames, (*abortingClient).admin,
	}
}

// chance is true in one of n cases.
func (c *abortingClient) chance(n int) bool { return c.rng.IntN(n) == 0 }

// moment is so short that it often ends in the middle of things.
func (c *abortingClient) moment() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(c.rng.IntN(6000))*time.Microsecond)
	return with(ctx, c.token()), cancel
}

func (c *abortingClient) token() string {
	return []string{"", "", c.keys.text[access.Write], c.keys.text[access.Read], "pontoon_nonsense"}[c.rng.IntN(5)]
}

// dial connects from one of a few addresses.
func (c *abortingClient) dial(ctx context.Context, to string) (net.Conn, error) {
	return from(fmt.Sprintf("127.0.0.%d", 1+c.rng.IntN(4))).DialContext(ctx, "tcp", to)
}

// drop ends a connection: at once, with whatever is on its way; in good order; or not at
// all, so that the host has to.
func (c *abortingClient) drop(conn net.Conn, stays bool) {
	switch {
	case conn == nil:
	case stays && c.chance(8):
		c.t.Cleanup(func() { conn.Close() })
	case c.chance(2):
		_ = conn.(*net.TCPConn).SetLinger(0)
		fallthrough
	default:
		conn.Close()
	}
}

// connected calls use with a connection of gRPC, and breaks it.
func (c *abortingClient) connected(use func(*grpc.ClientConn)) {
	var below net.Conn
	made := make(chan net.Conn, 8)
	address := fmt.Sprintf("127.0.0.%d", 1+c.rng.IntN(4))
	conn, err := grpc.NewClient("passthrough:///"+c.s.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, to string) (net.Conn, error) {
			conn, err := from(address).DialContext(ctx, "tcp", to)
			if err == nil {
				select {
				case made <- conn:
				default:
				}
			}
			return conn, err
		}))
	if err != nil {
		return
	}
	defer conn.Close()
	use(conn)
	if c.chance(2) {
		select {
		case below = <-made:
			c.drop(below, false)
		default:
		}
	}
}

func (c *abortingClient) calls() {
	c.connected(func(conn *grpc.ClientConn) {
		h := hostv1.NewHostClient(conn)
		for range 1 + c.rng.IntN(4) {
			ctx, cancel := c.moment()
			data := make([]byte, c.rng.IntN(1<<c.rng.IntN(18)))
			switch c.rng.IntN(5) {
			case 4:
				if stream, err := h.QueryStream(ctx, &hostv1.QueryRequest{Data: data}); err == nil && c.chance(2) {
					_, _ = stream.Recv()
				}
			case 0:
				_, _ = h.Propose(ctx, &hostv1.ProposeRequest{Data: data})
			case 1:
				_, _ = h.Query(ctx, &hostv1.QueryRequest{Data: data})
			case 2:
				_, _ = h.Members(ctx, &hostv1.MembersRequest{Linearizable: true})
			case 3:
				_, _ = h.TransferLeader(ctx, &hostv1.TransferLeaderRequest{})
			}
			cancel()
		}
	})
}

func (c *abortingClient) proposals() {
	c.connected(func(conn *grpc.ClientConn) {
		ctx, cancel := context.WithTimeout(with(context.Background(), c.token()), time.Duration(c.rng.IntN(40_000))*time.Microsecond)
		defer cancel()
		stream, err := hostv1.NewHostClient(conn).Proposals(ctx)
		if err != nil {
			return
		}
		for range c.rng.IntN(6) {
			batch := &hostv1.ProposalBatch{}
			for id := range c.rng.IntN(4 << c.rng.IntN(8)) {
				batch.Proposals = append(batch.Proposals, &hostv1.Proposal{Id: uint64(id), Data: make([]byte, c.rng.IntN(1<<c.rng.IntN(15)))})
			}
			if stream.Send(batch) != nil {
				return
			}
			if c.chance(2) {
				_, _ = stream.Recv()
			}
		}
		if c.chance(2) {
			_ = stream.CloseSend()
			for err == nil && !c.chance(10) {
				_, err = stream.Recv()
			}
		}
	})
}

func (c *abortingClient) watches() {
	c.connected(func(conn *grpc.ClientConn) {
		for range 1 + c.rng.IntN(20) {
			ctx, cancel := context.WithTimeout(with(context.Background(), c.token()), time.Duration(c.rng.IntN(20_000))*time.Microsecond)
			defer cancel()
			if c.chance(4) {
				if stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx); err == nil && c.chance(2) {
					_ = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{})
				}
				continue
			}
			if watch, err := grpc_health_v1.NewHealthClient(conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{}); err == nil && c.chance(2) {
				_, _ = watch.Recv()
			}
		}
	})
}

// paths are those that JSON is tried with.
func (c *abortingClient) path() string {
	return []string{"/v1/query", "/v1/query", "/v1/propose", "/v1/propose", "/v1/members/remove", "/v1/status", "/nowhere"}[c.rng.IntN(7)]
}

func (c *abortingClient) json() {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, to string) (net.Conn, error) { return c.dial(ctx, to) }}
	defer transport.CloseIdleConnections()
	for range 1 + c.rng.IntN(3) {
		ctx, cancel := c.moment()
		defer cancel()
		body := `{"data":"` + strings.Repeat("A", 4*c.rng.IntN(1<<c.rng.IntN(15))) + `"}`
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.s.Addr().String()+c.path(), strings.NewReader(body))
		if err != nil {
			return
		}
		req.Header.Set("Authorization", "Bearer "+c.keys.text[access.Write])
		resp, err := transport.RoundTrip(req)
		if err != nil {
			continue
		}
		_, _ = io.CopyN(io.Discard, resp.Body, int64(c.rng.IntN(1<<c.rng.IntN(18))))
		resp.Body.Close()
	}
}

// some is the beginning of what is to be sent, or all of it.
func (c *abortingClient) some(of string) []byte {
	if c.chance(3) {
		return []byte(of)
	}
	return []byte(of[:c.rng.IntN(len(of))])
}

func (c *abortingClient) pieces() {
	conn, err := c.dial(context.Background(), c.s.Addr().String())
	if err != nil {
		return
	}
	defer c.drop(conn, true)
	length := c.rng.IntN(1 << c.rng.IntN(18))
	kind := fmt.Sprintf("Content-Length: %d", length)
	body := `{"data":"` + strings.Repeat("A", length) + `"}`
	if c.chance(3) {
		kind, body = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s", len(body), body)
	}
	_, _ = conn.Write(c.some(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n\r\n%s", c.path(), kind, body)))
	if c.chance(2) {
		_ = conn.SetReadDeadline(time.Now().Add(time.Duration(c.rng.IntN(5000)) * time.Microsecond))
		_, _ = conn.Read(make([]byte, 1))
	}
}

func (c *abortingClient) frames() {
	conn, err := c.dial(context.Background(), c.s.Addr().String())
	if err != nil {
		return
	}
	begun := false
	defer func() { c.drop(conn, !begun) }()
	if c.chance(4) {
		_, _ = conn.Write(c.some(http2.ClientPreface))
		return
	}
	begun = true
	var sent bytes.Buffer
	raw := &rawClient{t: c.t, framer: http2.NewFramer(&sent, nil), next: 1}
	raw.hpack = hpack.NewEncoder(&raw.header)
	_ = raw.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(c.rng.IntN(2) * 100)})
	for range 1 + c.rng.IntN(4) {
		method := []string{
			hostv1.Host_Query_FullMethodName, hostv1.Host_Propose_FullMethodName, hostv1.Host_Proposals_FullMethodName,
			grpc_health_v1.Health_Watch_FullMethodName, "/pontoon.host.v1.Host/Unheard",
		}[c.rng.IntN(5)]
		id, err := raw.begin(method)
		if err != nil {
			return
		}
		if c.chance(4) {
			continue
		}
		message := make([]byte, 5+c.rng.IntN(1<<c.rng.IntN(14)))
		binary.BigEndian.PutUint32(message[1:], uint32(len(message)-5+c.rng.IntN(2)*100))
		if c.chance(2) {
			message = message[:5] // an empty one is a whole request
			clear(message)
		}
		_ = raw.framer.WriteData(id, c.chance(2), message)
		if c.chance(3) {
			_ = raw.framer.WriteRSTStream(id, http2.ErrCodeCancel)
		}
	}
	_, _ = conn.Write(append([]byte(http2.ClientPreface), c.some(sent.String())...))
	if c.chance(2) {
		_ = conn.SetReadDeadline(time.Now().Add(time.Duration(c.rng.IntN(20_000)) * time.Microsecond))
		_, _ = io.CopyN(io.Discard, conn, 1000)
	}
}

func (c *abortingClient) admin() {
	conn, err := c.dial(context.Background(), c.s.AdminAddr().String())
	if err != nil {
		return
	}
	defer c.drop(conn, true)
	path := []string{"/metrics", "/readyz?verbose", "/debug/pprof/goroutine"}[c.rng.IntN(3)]
	_, _ = conn.Write(c.some("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + c.keys.text[access.Administer] + "\r\n\r\n"))
	if c.chance(2) {
		_ = conn.SetReadDeadline(time.Now().Add(time.Duration(c.rng.IntN(5000)) * time.Microsecond))
		_, _ = conn.Read(make([]byte, 1))
	}
}
