package api

import (
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// stillService is a service that is never asked.
type stillService struct{ server.Service }

func (stillService) Ready() error { return nil }

// Each method that the port serves, and each path of either port, has a row, and
// each row is that of something that there is.
func TestEveryRequestHasARole(t *testing.T) {
	table := needs()
	seen := map[string]bool{}
	find := func(request string) {
		t.Helper()
		if _, ok := table[request]; !ok && !isProfile(request) {
			t.Errorf("%s has no row in needs", request)
		}
		seen[request] = true
	}
	end := newEnding()
	defer end.stop()
	r := &requests{svc: stillService{}, limits: whole(Limits{}), end: end}
	h := newHealthService(stillService{}, end)
	for service, info := range newGRPC(r, h, byCertificate, new(sync.WaitGroup), 0).GetServiceInfo() {
		for _, m := range info.Methods {
			find("/" + service + "/" + m.Name)
		}
	}
	if len(seen) < 14 {
		t.Fatalf("found only %v", seen)
	}
	for path := range newJSONAPI(r, newHostNames(nil, func() []string { return nil })).routes {
		find(path)
	}
	for path := range adminRoutes(stillService{}, h, prometheus.NewRegistry()) {
		find(path)
	}
	for request := range table {
		if !seen[request] {
			t.Errorf("%s has a row in needs, and is not served", request)
		}
	}
}

// Each request that can change something has an operation in the audit, however it
// comes in, and nothing else that there is not.
func TestEveryChangeHasAnOperation(t *testing.T) {
	table, ops := needs(), auditedOps()
	for request, role := range table {
		if _, ok := ops[request]; !ok && (role == access.Write || role == access.Administer) && request != profiles {
			t.Errorf("%s needs the role %v and is not recorded", request, role)
		}
	}
	for request := range ops {
		if _, ok := table[request]; !ok {
			t.Errorf("%s is to be recorded, and is not served", request)
		}
	}
}

func isProfile(request string) bool {
	return len(request) > len(profiles) && request[:len(profiles)] == profiles
}

// A request that the table does not have needs the most, and a path cannot be
// written in a way that needs less.
func TestUnknownRequestsNeedTheMost(t *testing.T) {
	for request, want := range map[string]access.Role{
		"/v1/unheard":                   access.Administer,
		"/pontoon.host.v1.Host/Unheard": access.Administer,
		"":                              access.Administer,
		"//metrics":                     access.Administer,
		"/livez/../metrics":             access.Administer,
		"/debug/pprof":                  access.Administer,
		"/debug/pprof/heap":             access.Administer,
		"/debug/pprof/../../livez":      access.Administer,
		"/livez":                        access.None,
		"/metrics":                      access.Read,
		"/v1/propose":                   access.Write,
	} {
		if got, _ := need(needs(), request); got != want {
			t.Errorf("%q needs %v, want %v", request, got, want)
		}
	}
}
