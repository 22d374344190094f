package packages

import (
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// needs skips a test that lacks a program of Debian's.
func needs(t *testing.T, program, of string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs %s: apt-get install %s", program, of)
	}
}

// command runs a command and returns what it has written.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// deb makes a package of this checkout.
func deb(t *testing.T, version string) string {
	t.Helper()
	needs(t, "dpkg-deb", "dpkg")
	dir := t.TempDir()
	command(t, "../../deploy/deb/build", version, runtime.GOARCH, dir)
	return filepath.Join(dir, "pontoon_"+version+"_"+runtime.GOARCH+".deb")
}

// Two builds of one checkout have the same bytes, so that each can be checked by
// another one.
func TestTheDebianPackageIsReproducible(t *testing.T) {
	var sums [2][sha256.Size]byte
	for i := range sums {
		raw, err := os.ReadFile(deb(t, "0.1.0"))
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = sha256.Sum256(raw)
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds have SHA-256 %x and %x", sums[0], sums[1])
	}
}

// Debian's own judge of packages has neither an error nor a warning to say.
func TestTheDebianPackageIsLintian(t *testing.T) {
	needs(t, "lintian", "lintian")
	out, err := exec.Command("lintian", "--allow-root", "--fail-on", "error,warning", deb(t, "0.1.0")).CombinedOutput()
	if err != nil || strings.Contains(string(out), "pontoon:") {
		t.Errorf("lintian: %v\n%s", err, out)
	}
}

// The package has the program, its unit, its user, a manual page of each command and
// completions, all of them owned by root.
func TestWhatTheDebianPackageHas(t *testing.T) {
	path := deb(t, "0.1.0")
	list := command(t, "dpkg-deb", "--contents", path)
	for _, file := range []string{
		"./usr/bin/pontoon", "./etc/pontoon/", "./usr/lib/systemd/system/pontoon.service", "./usr/lib/sysusers.d/pontoon.conf",
		"./usr/share/man/man1/pontoon.1.gz", "./usr/share/man/man1/pontoon-serve.1.gz", "./usr/share/man/man1/pontoon-kv-put.1.gz",
		"./usr/share/bash-completion/completions/pontoon", "./usr/share/zsh/vendor-completions/_pontoon",
		"./usr/share/fish/vendor_completions.d/pontoon.fish", "./usr/share/doc/pontoon/examples/single.yaml",
	} {
		if !strings.Contains(list, " "+file+"\n") {
			t.Errorf("the package has no %s", file)
		}
	}
	for line := range strings.Lines(list) {
		if !strings.Contains(line, " root/root ") || strings.Contains(line[:10], "s") || line[8] == 'w' {
			t.Errorf("not a file of root that only root may change: %s", line)
		}
	}
	dir := t.TempDir()
	command(t, "dpkg-deb", "--extract", path, dir)
	unit, err := os.ReadFile(filepath.Join(dir, "usr/lib/systemd/system/pontoon.service"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(unit), "\nExecStart=/usr/bin/pontoon serve --config /etc/pontoon/host.yaml\n") {
		t.Errorf("the unit does not start the program of the package:\n%s", unit)
	}
}
