package packages

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// chroot is a Debian that was made by "debootstrap --variant=minbase bookworm DIR".
var chroot = flag.String("packages.chroot", "", "`directory` of a Debian 12 to install the packages in; it is changed")

// A debian is a system in a directory. It has no systemd that runs, as in an image that
// is being built.
type debian struct {
	t   *testing.T
	dir string
}

func (d debian) run(script string) (string, error) {
	out, err := exec.Command("chroot", d.dir, "/bin/sh", "-ec", script).CombinedOutput()
	return string(out), err
}

// does runs a script that must succeed.
func (d debian) does(script string) string {
	d.t.Helper()
	out, err := d.run(script)
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

// install puts a package into the system and installs it.
func (d debian) install(path string) {
	d.t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	inside := "/tmp/" + filepath.Base(path)
	if err := os.WriteFile(filepath.Join(d.dir, inside), raw, 0o644); err != nil {
		d.t.Fatal(err)
	}
	d.does("dpkg -i " + inside)
}

// while is a script that runs beside a member of the package, which has the example's
// configuration and the package's user.
func (d debian) while(script string) string {
	d.t.Helper()
	return d.does(`
install -d -m 700 -o pontoon -g pontoon /run/pontoon
setpriv --reuid pontoon --regid pontoon --clear-groups pontoon serve --config /etc/pontoon/host.yaml 2>/tmp/log &
host=$!
trap 'kill -9 $host; cat /tmp/log' EXIT
for i in $(seq 300); do ! pontoon kv put probe $i >/dev/null 2>&1 || break; sleep 0.1; done
` + script + `
kill -TERM $host
wait $host
trap - EXIT`)
}

// A system gets the package, runs a member, gets the next version and loses it again.
// The configuration and the data are the operator's: neither an upgrade nor a removal
// touches them.
func TestTheDebianPackageIsInstalledUpgradedAndRemoved(t *testing.T) {
	if *chroot == "" {
		t.Skip("needs -packages.chroot: make test-packages")
	}
	d := debian{t, *chroot}
	d.does("mount -t proc proc /proc")
	t.Cleanup(func() {
		d.does("dpkg --purge pontoon; rm -rf /etc/pontoon /var/lib/pontoon; userdel pontoon || true; umount /proc")
	})
	d.install(deb(t, "0.1.0"))
	if out := d.does("getent passwd pontoon"); !strings.Contains(out, ":/var/lib/pontoon:/usr/sbin/nologin") {
		t.Errorf("the user of the package is %s", out)
	}
	d.does(`
sed 's|# data_dir:.*|data_dir: /var/lib/pontoon/data|' /usr/share/doc/pontoon/examples/single.yaml >/etc/pontoon/host.yaml
install -d -m 700 -o pontoon -g pontoon /var/lib/pontoon
pontoon config validate --config /etc/pontoon/host.yaml
`)
	d.while("pontoon kv put greeting hello")
	d.install(deb(t, "0.2.0"))
	if out := d.does("dpkg-query -W pontoon"); !strings.Contains(out, "0.2.0") {
		t.Errorf("after the upgrade the system has %s", out)
	}
	if out := d.while("pontoon kv get greeting"); !strings.Contains(out, "hello") {
		t.Errorf("after the upgrade the member answers %q", out)
	}
	d.does("dpkg --remove pontoon")
	if out, err := d.run("command -v pontoon"); err == nil {
		t.Errorf("the program is still there after its removal: %s", out)
	}
	out := d.does("dpkg --purge pontoon; ls /etc/pontoon/host.yaml; ls /var/lib/pontoon/data")
	if !strings.Contains(out, "the data of this member stay in /var/lib/pontoon") {
		t.Errorf("the purge does not say that data stay: %s", out)
	}
}
