package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/hostconfig"
)

// A program that embeds a host gets the defaults that operators get and the
// documents name, for each number of core.Config that it does not set.
func TestTheHostHasTheDefaultsOfTheConfiguration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n1.yaml")
	text := "node: {id: 1}\ncluster: {id: a1, members: [{id: 1, name: n1, peer_urls: [\"http://127.0.0.1:7501\"], client_address: \"127.0.0.1:7401\"}]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := hostconfig.Load(path, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	configured, embedded := reflect.ValueOf(c.Host), reflect.ValueOf(core.Config{}.WithDefaults())
	compared := 0
	for i := range configured.NumField() {
		name := configured.Type().Field(i).Name
		if f := configured.Field(i); !configured.Type().Field(i).IsExported() || name == "ClusterID" || name == "ID" || !f.CanInt() && !f.CanUint() && name != "Limits" {
			continue // not a number, one that has no default, or one of the tests of core
		}
		compared++
		if a, b := configured.Field(i).Interface(), embedded.Field(i).Interface(); a != b {
			t.Errorf("%s: configured by default %v, embedded %v", name, a, b)
		}
	}
	if compared < 12 {
		t.Errorf("only %d numbers were compared", compared)
	}
}
