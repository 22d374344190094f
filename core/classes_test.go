package core_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// A version is one life of a state machine, with the classes that it has.
type version struct {
	*statemachinetest.Register
	list []statemachine.Class
	// reached is closed when Open begins, which ends when proceed is closed.
	reached, proceed chan struct{}
}

func (v *version) Open(ctx context.Context, opts plugins.Options) (uint64, error) {
	close(v.reached)
	select {
	case <-v.proceed:
		return v.Register.Open(ctx, opts)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (v *version) Classes() []statemachine.Class { return v.list }

// versions are the lives of a state machine one after the other.
type versions struct {
	mu   sync.Mutex
	next int
	all  []*version
}

// newVersions makes one life for each list.
func newVersions(lists ...[]statemachine.Class) *versions {
	v := &versions{}
	for _, list := range lists {
		v.all = append(v.all, &version{statemachinetest.NewRegister(), list, make(chan struct{}), make(chan struct{})})
	}
	return v
}

func (v *versions) start(backend.Env) statemachine.StateMachine {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.next++
	return v.all[v.next-1]
}

// proposeAs proposes by JSON, as a client without a name.
func (c *cluster) proposeAs(text string) (code int, answer string) {
	c.t.Helper()
	body := fmt.Sprintf(`{"data":%q}`, base64.StdEncoding.EncodeToString([]byte(text)))
	resp, err := http.Post("http://"+c.nodes[1].host.Addr().String()+"/v1/propose", "application/json", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

func administers(prefix string) []statemachine.Class {
	return []statemachine.Class{{Prefix: []byte(prefix), Role: statemachine.RoleAdminister}}
}

// The list that the state machine gives at its start holds until another one has started, also
// while there is none, or only one whose list is bad. Before the first has started,
// clients that may not do everything wait.
func TestClassesHoldUntilTheNextStateMachineHasStarted(t *testing.T) {
	v := newVersions(administers("admin:"), administers("root:"), make([]statemachine.Class, statemachine.MaxClasses+1), nil)
	c := newCluster(t, 1, func(cfg *core.Config) {
		cfg.Access = &core.AccessConfig{Anonymous: "write"}
		cfg.Backends[1] = backend.StateMachine("register", v.start)
	})
	refused := func(text string) {
		t.Helper()
		if code, answer := c.proposeAs(text); code != http.StatusUnauthorized || !strings.Contains(answer, "needs the role administer") {
			t.Errorf("%s: %d %s", text, code, answer)
		}
	}
	taken := func(text string) {
		t.Helper()
		c.eventually(text+" is taken", func() bool { code, _ := c.proposeAs(text); return code == http.StatusOK })
	}
	dies := func(m *version) {
		m.FailNext(errors.New("out of cheese"))
		c.service(1).ProposeAsync([]byte("admin: and root: may come from inside the host"), 0, func(server.Result, error) {})
	}

	<-v.all[0].reached
	if code, answer := c.proposeAs("x"); code != http.StatusServiceUnavailable || !strings.Contains(answer, "has not said which commands") {
		t.Errorf("before the first start: %d %s", code, answer)
	}
	close(v.all[0].proceed)
	taken("x")
	taken("root:x")
	refused("admin:x")

	dies(v.all[0])
	<-v.all[1].reached
	refused("admin:x")
	close(v.all[1].proceed)
	taken("admin:x")
	refused("root:x")

	close(v.all[2].proceed)
	dies(v.all[1])
	<-v.all[3].reached
	refused("root:x")
	c.eventually("the status says what is wrong", func() bool {
		for _, p := range c.service(1).Status().Plugins {
			if strings.Contains(p.LastError, "257 classes, at most 256") {
				return true
			}
		}
		return false
	})
	close(v.all[3].proceed)
	taken("root:x")
}

// Where clients have no roles a state machine with classes is said to be for nothing.
func TestClassesWithoutRolesAreSaid(t *testing.T) {
	v := newVersions(administers("admin:"))
	close(v.all[0].proceed)
	c := newCluster(t, 1, func(cfg *core.Config) { cfg.Backends[1] = backend.StateMachine("register", v.start) })
	c.eventually("a proposal is taken", func() bool { code, _ := c.proposeAs("admin:x"); return code == http.StatusOK })
	c.says(1, "every client may give all of them")
}
