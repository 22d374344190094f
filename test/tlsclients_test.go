//go:build linux

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A cluster whose members want certificates of their clients: every way to give
// them works, by flags, by the environment, by a file and by JSON, and each client
// that comes without is told what it lacks.
func TestTLSForClients(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hostDoes(t, "cert", "init", "--dir", dir, "--server", "api", "--hosts", "127.0.0.1", "--client", "app")
	in := func(file string) string { return filepath.Join(dir, file) }
	c := newCluster(t)
	for _, n := range c.nodes {
		n.settings = []string{
			"api.tls.cert=" + in("api.crt"), "api.tls.key=" + in("api.key"), "api.tls.client_ca=" + in("ca.crt"), "admin.insecure=true",
		}
	}
	c.start()
	secure := "https://" + strings.ReplaceAll(c.endpoints(), ",", ",https://")
	run := func(env []string, args ...string) (string, error) {
		cmd := hostCommand(t, args...)
		cmd.Env = append(cmd.Env, env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	flags := []string{"--endpoints", secure, "--ca", in("ca.crt"), "--cert", in("app.crt"), "--key", in("app.key")}
	file := in("client.yaml")
	if err := os.WriteFile(file, []byte("endpoints: ['"+strings.ReplaceAll(secure, ",", "', '")+"']\nca: ca.crt\ncert: app.crt\nkey: app.key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := []string{
		"PONTOON_ENDPOINTS=" + c.endpoints(), "PONTOON_CA=" + in("ca.crt"), "PONTOON_CERT=" + in("app.crt"), "PONTOON_KEY=" + in("app.key"),
	}
	c.nodes[0].await("a leader and all links, as status --check sees them", func() bool {
		_, err := run(nil, append([]string{"status", "--check"}, flags...)...)
		return err == nil
	})
	for _, x := range []struct {
		env  []string
		args []string
		says string
	}{
		{nil, append([]string{"kv", "put", "k", "v"}, flags...), ""},
		{environment, []string{"kv", "get", "k"}, "v"},
		{nil, []string{"member", "list", "--client-config", file}, "n3"},
		{[]string{"PONTOON_CLIENT_CONFIG=" + file}, []string{"bench", "propose", "--duration", "1s", "--warmup", "1ms"}, "OPS/S"},
	} {
		if out, err := run(x.env, x.args...); err != nil || !strings.Contains(out, x.says) {
			t.Errorf("host %s: %v\n%s", strings.Join(x.args, " "), err, out)
		}
	}
	for _, x := range []struct {
		args []string
		says string
	}{
		{[]string{"--endpoints", c.endpoints()}, "this port wants TLS"},
		{[]string{"--endpoints", secure, "--ca", in("ca.crt")}, "wants a client's certificate"},
		{[]string{"--endpoints", secure}, "--ca"},
		{append(flags[:len(flags):len(flags)], "--server-name", "elsewhere"), "--server-name"},
		{[]string{"--endpoints", secure, "--cert", in("app.crt")}, "give both"},
	} {
		if out, err := run(nil, append([]string{"status", "--timeout", "2s"}, x.args...)...); err == nil || !strings.Contains(out, x.says) {
			t.Errorf("host status %s: %v, want %q\n%s", strings.Join(x.args, " "), err, x.says, out)
		}
	}
	pair, err := tls.LoadX509KeyPair(in("app.crt"), in("app.key"))
	if err != nil {
		t.Fatal(err)
	}
	authorities, err := os.ReadFile(in("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authorities)
	web := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}, ForceAttemptHTTP2: true,
	}}
	resp, err := web.Get("https://" + c.nodes[0].client + "/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	web.CloseIdleConnections()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("JSON: %s", resp.Status)
	}
	c.stop()
}
