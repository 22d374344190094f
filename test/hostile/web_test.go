//go:build linux

package hostile

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// rebinding is what a page does whose name was made to resolve to a host: it asks
// in its own name, which is not this host's, of one origin with it. Nothing of it
// is answered but by a refusal, and nothing is applied.
func rebinding(a *assault) {
	_, before := get(a.leader.client, "/v1/members")
	for !a.over() && !a.Failed() {
		for _, m := range a.members {
			for _, r := range []struct{ method, address, path, body string }{
				{"POST", m.client, "/v1/propose", `{"data":"AA=="}`},
				{"POST", m.client, "/v1/members/update", `{"member":{"id":"2","peer_urls":["http://127.0.0.1:1"]}}`},
				{"POST", m.client, "/v1/members/remove", `{"id":"2"}`},
				{"GET", m.client, "/v1/status", ""},
				{"GET", m.admin, "/metrics", ""},
				{"GET", m.admin, "/debug/pprof/heap", ""},
				{"GET", m.peer, "/raft/probing", ""},
				{"POST", m.peer, "/raft", "x"},
			} {
				a.refusesPage(r.method, r.address, r.path, r.body)
			}
		}
	}
	if _, after := get(a.leader.client, "/v1/members"); !bytes.Equal(before, after) {
		a.Errorf("the members were\n%s\nand are\n%s", before, after)
	}
}

// refusesPage sends a request as the browser of a page would after rebinding.
func (a *assault) refusesPage(method, address, path, body string) {
	a.Helper()
	const page = "attacker.example"
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	req.Host = page
	req.Header.Set("Origin", "http://"+page)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Content-Type", "application/json")
	resp, err := web(peerPatience).Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode < 400 {
		a.Errorf("%s %s for a page: %s: %.100q", method, path, resp.Status, answer)
	}
}

// deceptiveMembers asks each member, over both forms of the API, to add members
// whose names and addresses show as something else than they are. All are refused.
func deceptiveMembers(a *assault) {
	bad := []*hostv1.Member{}
	for _, name := range []string{"n1\u202e2n", "n1\u200f", "n1\u2066x", "n4\x1b[2J", "n4\r\nn5", "n4\u2028n5", "n4\x00"} {
		bad = append(bad, &hostv1.Member{Id: "9", Name: name, PeerUrls: []string{"http://127.0.0.1:1"}, ClientAddress: "127.0.0.1:2"})
	}
	for _, address := range []string{"127.0.0.1:2\u202e", "127.0.0.1\n:2", a.leader.client} {
		bad = append(bad, &hostv1.Member{Id: "9", Name: "n9", PeerUrls: []string{"http://127.0.0.1:1"}, ClientAddress: address})
	}
	for _, m := range a.members {
		conn, err := grpc.NewClient(m.client, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			a.Fatal(err)
		}
		for _, b := range bad {
			ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
			if _, err := hostv1.NewHostClient(conn).AddMember(ctx, &hostv1.AddMemberRequest{Member: b}); err == nil {
				a.Errorf("member %d added %+q at %+q", m.id, b.Name, b.ClientAddress)
			}
			cancel()
			body, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(&hostv1.AddMemberRequest{Member: b})
			if err != nil {
				a.Fatal(err)
			}
			resp, err := web(writeTimeout).Post("http://"+m.client+"/v1/members/add", "application/json", bytes.NewReader(body))
			if err != nil {
				a.Errorf("add a member through %d: %v", m.id, err)
				continue
			}
			resp.Body.Close()
			if resp.StatusCode < 400 {
				a.Errorf("member %d added %+q: %s", m.id, b.Name, resp.Status)
			}
		}
		conn.Close()
	}
	if n := len(a.leader.status().GetProgress()); n > 2 {
		a.Errorf("the leader has %d followers", n)
	}
}
