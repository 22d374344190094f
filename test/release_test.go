//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/sdk"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A release is a shipped backend under a version of its own, which this test binary serves
// with the arguments release, version, kind and name. It has the methods of its contract
// alone. Its fault is in a file, so that a release which was added can be broken later.
type release struct{ version, fault string }

// The faults of a release.
const (
	faultExit       = "exit"       // ends at once
	faultOpen       = "open"       // refuses to be opened, for good
	faultCapability = "capability" // lacks a capability that the others have
	faultVersion    = "version"    // calls itself by another version
	faultEmpty      = "empty"      // opens, and has nothing of what was stored
	faultSilent     = "silent"     // says nothing
)

// describe is that of the backend, without what needs more methods.
func (r release) describe(info plugins.Info) plugins.Info {
	info.Version, info.Capabilities, info.StateHash = r.version, []plugins.Capability{"released"}, ""
	if r.fault == faultCapability {
		info.Capabilities = nil
	}
	if r.fault == faultVersion {
		info.Version += "-other"
	}
	return info
}

func (r release) open() error {
	if r.fault == faultOpen {
		return fmt.Errorf("%w: this release takes none", plugins.ErrInvalidConfig)
	}
	return nil
}

type releasedStorage struct {
	storage.Storage
	release
}

func (r releasedStorage) Describe() plugins.Info { return r.describe(r.Storage.Describe()) }

func (r releasedStorage) Open(ctx context.Context, o plugins.Options) (storage.State, error) {
	if err := r.open(); err != nil {
		return storage.State{}, err
	}
	if r.fault == faultEmpty {
		o.DataDir = filepath.Join(o.DataDir, "elsewhere")
		if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
			return storage.State{}, err
		}
	}
	return r.Storage.Open(ctx, o)
}

type releasedTransport struct {
	transport.Transport
	release
}

func (r releasedTransport) Describe() plugins.Info { return r.describe(r.Transport.Describe()) }

type releasedMachine struct {
	statemachine.StateMachine
	release
}

func (r releasedMachine) Describe() plugins.Info { return r.describe(r.StateMachine.Describe()) }

func (r releasedMachine) Open(ctx context.Context, o plugins.Options) (uint64, error) {
	if err := r.open(); err != nil {
		return 0, err
	}
	return r.StateMachine.Open(ctx, o)
}

// serveRelease serves a release if the arguments ask for one: release, file of its fault,
// version, kind, name.
func serveRelease(args []string) {
	if len(args) != 5 || args[0] != "release" {
		return
	}
	fault, _ := os.ReadFile(args[1])
	r := release{args[2], string(fault)}
	switch r.fault {
	case faultExit:
		os.Exit(3)
	case faultSilent:
		select {}
	}
	var all []backend.Backend
	for _, b := range shipped() {
		switch make := b; b.Kind {
		case plugins.Storage:
			b.NewStorage = func(e backend.Env) storage.Storage { return releasedStorage{make.NewStorage(e), r} }
		case plugins.Transport:
			b.NewTransport = func(e backend.Env) transport.Transport { return releasedTransport{make.NewTransport(e), r} }
		case plugins.StateMachine:
			b.NewStateMachine = func(e backend.Env) statemachine.StateMachine { return releasedMachine{make.NewStateMachine(e), r} }
		}
		all = append(all, b)
	}
	sdk.ServeBuiltin([]string{"plugin-serve", args[3], args[4]}, all)
}

// releases is a catalog with releases of the shipped backends.
type releases struct {
	t        testing.TB
	dir, own string
	scripts  string
}

func newReleases(t testing.TB) *releases {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return &releases{t, filepath.Join(dir, "catalog"), own, dir}
}

// backends are the ones of which there are releases, by kind.
func backends() map[string]string {
	return map[string]string{"transport": "http", "storage": "wal", "statemachine": "kv"}
}

// add adds a release of a kind.
func (r *releases) add(kind, version string) {
	r.t.Helper()
	script := filepath.Join(r.scripts, kind+"-"+version)
	text := fmt.Sprintf("#!/bin/sh\nexec %q release %q %s %s %s\n", r.own, script+".fault", version, kind, backends()[kind])
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		r.t.Fatal(err)
	}
	hostSays(r.t, 0, "plugin", "add", "--catalog", r.dir, script)
}

// breaks gives a release a fault.
func (r *releases) breaks(kind, version, fault string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.scripts, kind+"-"+version+".fault"), []byte(fault), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// damages gives the file of a release in the catalog other bytes. It returns its path.
func (r *releases) damages(kind, version string) string {
	r.t.Helper()
	found, _ := filepath.Glob(filepath.Join(r.dir, kind, "*", version, "*", "*"))
	if len(found) != 1 {
		r.t.Fatal(found)
	}
	if err := errors.Join(os.Chmod(found[0], 0o700), os.WriteFile(found[0], []byte("#!/bin/sh\n"), 0o700)); err != nil {
		r.t.Fatal(err)
	}
	return found[0]
}

func (r *releases) pin(kind, version string) {
	r.t.Helper()
	hostSays(r.t, 0, "plugin", "pin", "--catalog", r.dir, kind, backends()[kind], version)
}

// configure has a node take all its plugins from the catalog.
func (r *releases) configure(n *node) {
	for _, name := range backends() {
		n.fromCatalog(r.dir, name, name)
	}
}

// All plugins of all members are upgraded one after the other under load, to other
// executables, as in TestPluginsAreRestartedUnderLoad. A host that starts after that runs
// the new ones.
func TestPluginsAreUpgradedUnderLoad(t *testing.T) {
	t.Parallel()
	r, c := newReleases(t), newCluster(t)
	for kind := range backends() {
		r.add(kind, "1.0")
		r.add(kind, "2.0")
	}
	for _, n := range c.nodes {
		r.configure(n)
	}
	c.start()
	c.replaceAll(func(n *node, kind string) {
		r.pin(kind, "2.0")
		n.replacePlugin("upgrade", kind, "--to", "2.0")
		if v := n.plugin(kind).GetVersion(); v != "2.0" {
			t.Errorf("%s of %s: version %s", kind, n.name, v)
		}
	})
	c.start()
	for kind := range backends() {
		if v := c.nodes[0].plugin(kind).GetVersion(); v != "2.0" {
			t.Errorf("%s after a restart of the host: version %s", kind, v)
		}
		hostSays(t, 0, "plugin", "remove", "--catalog", r.dir, kind, backends()[kind], "1.0")
		hostSays(t, 5, "plugin", "remove", "--catalog", r.dir, kind, backends()[kind], "2.0")
	}
	c.stop()
}

// A new version that is wrong is refused, and the old one goes on. One that refuses to be
// opened after the old one has ended is replaced by that again.
func TestAWrongVersionLeavesTheOldOne(t *testing.T) {
	t.Parallel()
	r, n := newReleases(t), newSingle(t)
	for kind := range backends() {
		r.add(kind, "1.0")
		r.add(kind, "2.0")
	}
	r.configure(n)
	n.startReady()
	upgrade := func(code int, kind string, args ...string) string {
		t.Helper()
		return hostSays(t, code, append([]string{"plugin", "upgrade", kind, "--endpoints", n.client}, args...)...)
	}
	if out := upgrade(0, "storage"); !strings.Contains(out, "version 1.0 runs already") {
		t.Errorf("nothing new: %s", out)
	}
	for kind := range backends() {
		before := n.plugin(kind)
		if out := upgrade(5, kind, "--to", "2.0"); !strings.Contains(out, "pins version 1.0") {
			t.Errorf("%s, not pinned: %s", kind, out)
		}
		r.pin(kind, "2.0")
		for fault, says := range map[string]string{faultExit: "exited with code 3", faultCapability: "lacks the capability released", faultVersion: "\"2.0-other\" of itself"} {
			r.breaks(kind, "2.0", fault)
			if out := upgrade(5, kind); !strings.Contains(out, says) {
				t.Errorf("%s with the fault %s: %s", kind, fault, out)
			}
		}
		if now := n.plugin(kind); now.GetPid() != before.GetPid() || now.GetState() != "ready" {
			t.Errorf("the old %s does not go on: %v, before %v", kind, now, before)
		}
	}
	for _, wrong := range []struct{ kind, fault string }{
		{"storage", faultOpen}, {"storage", faultEmpty}, {"storage", faultOpen}, {"statemachine", faultOpen},
	} {
		kind := wrong.kind
		r.breaks(kind, "2.0", wrong.fault)
		out, _ := hostCommand(t, "plugin", "upgrade", kind, "--endpoints", n.client).CombinedOutput()
		if !strings.Contains(string(out), "this release takes none") && !strings.Contains(string(out), "the new version did not serve") {
			t.Errorf("%s with the fault %s: %s", kind, wrong.fault, out)
		}
		if !strings.Contains(string(out), "pins version 2.0 all the same") {
			t.Errorf("the pin that is left is not told: %s", out)
		}
		n.await(kind+" of the old version", func() bool {
			st := n.plugin(kind)
			return st.GetState() == "ready" && st.GetVersion() == "1.0"
		})
		n.awaitReady()
	}
	file := r.damages("storage", "2.0")
	if out := upgrade(5, "storage"); !strings.Contains(out, "its sha256 is") {
		t.Errorf("with another sha256: %s", out)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	r.breaks("storage", "2.0", "")
	r.add("storage", "2.0")
	if out := upgrade(0, "storage"); !strings.Contains(out, "version 2.0, before 1.0") {
		t.Errorf("once it is right: %s", out)
	}
	n.stop()
}

// A stop of the host ends an upgrade that is under way, says that to the client, and does not
// wait for the new process.
func TestAStopEndsAnUpgrade(t *testing.T) {
	t.Parallel()
	r, n := newReleases(t), newSingle(t)
	for kind := range backends() {
		r.add(kind, "1.0")
	}
	r.add("storage", "2.0")
	r.configure(n)
	n.startReady()
	r.pin("storage", "2.0")
	r.breaks("storage", "2.0", faultSilent)
	before := len(live.ChildrenOf(n.host.PID()))
	var out bytes.Buffer
	asked := hostCommand(t, "plugin", "upgrade", "storage", "--endpoints", n.client)
	asked.Stdout, asked.Stderr = &out, &out
	if err := asked.Start(); err != nil {
		t.Fatal(err)
	}
	n.await("to start the new process", func() bool { return len(live.ChildrenOf(n.host.PID())) > before })
	n.stop()
	_ = asked.Wait()
	if !strings.Contains(out.String(), "host stopped while the request was in flight") || strings.Contains(out.String(), "goes on") {
		t.Errorf("the client is told: %s", out.String())
	}
}
