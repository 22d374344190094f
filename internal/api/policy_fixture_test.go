package api_test

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/metadata"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// keys are a file of tokens and the text of one for each role.
type keys struct {
	file string
	text map[access.Role]string
}

func newKeys(t *testing.T) keys {
	t.Helper()
	k := keys{filepath.Join(t.TempDir(), "tokens.json"), map[access.Role]string{}}
	for _, role := range []access.Role{access.Read, access.Write, access.Administer} {
		_, text, err := access.CreateToken(k.file, "a-"+role.String(), role, time.Time{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		k.text[role] = text
	}
	return k
}

// startWith serves svc under a policy.
func startWith(t *testing.T, svc server.Service, p access.Policy, l api.Limits) *api.Server {
	t.Helper()
	p.Reload = 5 * time.Millisecond
	g, err := access.New(&p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, api.Options{Service: svc, Access: g, Gatherer: prometheus.NewRegistry(), Limits: l})
}

// with is ctx of a call that shows a token.
func with(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// ask sends an HTTP request that shows a token.
func ask(t *testing.T, method, url, token, body string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

// rpcs are a call of each method and the role that it needs.
func rpcs() map[string]struct {
	need access.Role
	call func(context.Context, hostv1.HostClient) error
} {
	type row = struct {
		need access.Role
		call func(context.Context, hostv1.HostClient) error
	}
	return map[string]row{
		"Propose": {access.Write, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.Propose(ctx, &hostv1.ProposeRequest{Data: []byte("x")})
			return err
		}},
		"ReadBarrier": {access.Read, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.ReadBarrier(ctx, &hostv1.ReadBarrierRequest{})
			return err
		}},
		"Proposals": {access.Write, func(ctx context.Context, c hostv1.HostClient) error {
			stream, err := c.Proposals(ctx)
			if err == nil {
				_ = stream.Send(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Id: 1, Data: []byte("x")}}})
				_, err = stream.Recv()
			}
			return err
		}},
		"Query": {access.Read, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.Query(ctx, &hostv1.QueryRequest{})
			return err
		}},
		"QueryStream": {access.Read, func(ctx context.Context, c hostv1.HostClient) error {
			stream, err := c.QueryStream(ctx, &hostv1.QueryRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		}},
		"Status": {access.Read, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.Status(ctx, &hostv1.StatusRequest{})
			return err
		}},
		"Members": {access.Read, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.Members(ctx, &hostv1.MembersRequest{})
			return err
		}},
		"AddMember": {access.Administer, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.AddMember(ctx, &hostv1.AddMemberRequest{Member: &hostv1.Member{Id: "1f", Name: "n3", PeerUrls: []string{"pigeon://loft:1"}}})
			return err
		}},
		"UpdateMember": {access.Administer, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.UpdateMember(ctx, &hostv1.UpdateMemberRequest{Member: &hostv1.Member{Id: "a", PeerUrls: []string{"pigeon://loft:1"}}})
			return err
		}},
		"RemoveMember": {access.Administer, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.RemoveMember(ctx, &hostv1.RemoveMemberRequest{Id: "a"})
			return err
		}},
		"TransferLeader": {access.Administer, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.TransferLeader(ctx, &hostv1.TransferLeaderRequest{})
			return err
		}},
		"PluginLines": {access.Administer, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.PluginLines(ctx, &hostv1.PluginLinesRequest{Kind: "storage"})
			return err
		}},
		"RestartPlugin": {access.Administer, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.RestartPlugin(ctx, &hostv1.RestartPluginRequest{Kind: "storage"})
			return err
		}},
		"MoveStorage": {access.Administer, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.MoveStorage(ctx, &hostv1.MoveStorageRequest{To: "pebble"})
			return err
		}},
		"ReadSnapshot": {access.Administer, func(ctx context.Context, c hostv1.HostClient) error {
			s, err := c.ReadSnapshot(ctx, &hostv1.ReadSnapshotRequest{})
			if err == nil {
				_, err = s.Recv()
			}
			return err
		}},
		"Events": {access.Read, func(ctx context.Context, c hostv1.HostClient) error {
			stream, err := c.Events(ctx, &hostv1.EventsRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		}},
		"UpgradePlugin": {access.Administer, func(ctx context.Context, c hostv1.HostClient) error {
			_, err := c.UpgradePlugin(ctx, &hostv1.UpgradePluginRequest{Kind: "storage"})
			return err
		}},
	}
}
