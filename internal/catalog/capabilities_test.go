//go:build linux

package catalog_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// demanding requires something of its host.
type demanding struct {
	*echoMachine
	requires plugins.Capability
}

func (d demanding) Describe() plugins.Info {
	info := d.echoMachine.Describe()
	info.Requires = []plugins.Capability{d.requires}
	return info
}

// A plugin inside the host, like one in a process, has what it requires or is refused.
// Rule P-14.
func TestAPluginHasWhatItRequires(t *testing.T) {
	for _, c := range append(catalog.Capabilities(), "of tomorrow") {
		all := newCatalog(t, func(o *catalog.Options) {
			o.Backends = []backend.Backend{backend.StateMachine("echo", func(backend.Env) statemachine.StateMachine {
				return demanding{newEchoMachine(), c}
			})}
		})
		spec := shipped()
		spec.Isolation = catalog.Inproc
		slot := mustSlot(t, all, spec)
		in, err := slot.Start(t.Context())
		switch known := c != "of tomorrow"; {
		case known != (err == nil):
			t.Errorf("requires %q: %v", c, err)
		case !known:
			if got := slot.Status(); !errors.Is(err, catalog.ErrPermanent) || got.State != catalog.Failed || !strings.Contains(got.LastError, `"of tomorrow"`) {
				t.Errorf("error %v, status %+v", err, got)
			}
		default:
			if err := in.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	in := mustStart(t, mustSlot(t, newCatalog(t, nil), fakePlugin(t, "requires="+string(plugins.CapabilityLeadership))))
	if !slices.Equal(in.Info().Requires, []plugins.Capability{plugins.CapabilityLeadership}) {
		t.Errorf("requires %q", in.Info().Requires)
	}
}

// boastful announces what it is not.
type boastful struct {
	*echoMachine
	boast plugins.Capability
}

func (b boastful) Describe() plugins.Info {
	info := b.echoMachine.Describe()
	info.Capabilities = []plugins.Capability{b.boast}
	return info
}

func TestABackendInsideTheHostIsWhatItAnnounces(t *testing.T) {
	for boast, is := range map[plugins.Capability]string{
		plugins.CapabilityLeadership: "is not a plugins.LeadershipWatcher",
		plugins.CapabilityBusy:       "is not a plugins.BusyReporter",
	} {
		all := newCatalog(t, func(o *catalog.Options) {
			o.Backends = []backend.Backend{backend.StateMachine("echo", func(backend.Env) statemachine.StateMachine { return boastful{newEchoMachine(), boast} })}
		})
		spec := shipped()
		spec.Isolation = catalog.Inproc
		_, err := mustSlot(t, all, spec).Start(t.Context())
		if !errors.Is(err, catalog.ErrPermanent) || !strings.Contains(err.Error(), is) {
			t.Errorf("%s: error %v", boast, err)
		}
	}
}

// Each capability that a contract names is one that plugins are told of.
func TestEachCapabilityOfTheContractsIsKnown(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^const \w+ (?:plugins\.)?Capability = "([^"]+)"`)
	found := 0
	err := filepath.WalkDir("../../plugins", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			found++
			if !slices.Contains(catalog.Capabilities(), plugins.Capability(m[1])) {
				t.Errorf("%s declares %q, which is none of catalog.Capabilities", path, m[1])
			}
		}
		return err
	})
	if err != nil || found != len(catalog.Capabilities()) {
		t.Errorf("%d capabilities are declared, %d known, error %v", found, len(catalog.Capabilities()), err)
	}
}
