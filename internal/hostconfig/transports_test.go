package hostconfig

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// moving is a file with two transports.
const moving = minimal + `plugins:
  transport:
    - name: quic
      listen: 0.0.0.0:7702
      advertise: ["quic://127.0.0.1:7702"]
      config: {streams: 4}
    - name: http
      advertise: ["http://127.0.0.1:7502"]
      isolation: inproc
`

// While a cluster moves from one transport to another, a member has a list of
// them: the first is the preferred one.
func TestTransportsInAList(t *testing.T) {
	c, o, err := Load(write(t, moving), nil, []string{"PONTOON_RAFT_TICK=50ms"})
	if err != nil {
		t.Fatal(err)
	}
	all := c.Host.Transports
	if len(all) != 2 || all[0].Name != "quic" || all[1].Name != "http" {
		t.Fatalf("transports %+v", all)
	}
	if got := strings.TrimSpace(string(all[0].Config)); got != "{streams: 4}" || len(all[1].Config) != 0 {
		t.Errorf("sections %q and %q", got, all[1].Config)
	}
	for _, x := range []struct{ key, value, origin string }{
		{"plugins.transport[0].name", "quic", "file n1.yaml:9"},
		{"plugins.transport[0].listen", "0.0.0.0:7702", "file n1.yaml:10"},
		{"plugins.transport[0].isolation", "process", "default"},
		{"plugins.transport[0].config", "{streams: 4}", "file n1.yaml:12"},
		{"plugins.transport[1].listen", "127.0.0.1:7502", "default from plugins.transport[1].advertise"},
		{"plugins.transport[1].advertise", "http://127.0.0.1:7502", "file n1.yaml:14"},
		{"plugins.transport[1].isolation", "inproc", "file n1.yaml:15"},
		{"plugins.storage.name", "wal", "default"},
		{"raft.tick", "50ms", "environment PONTOON_RAFT_TICK"},
	} {
		i := slices.IndexFunc(o.Entries(), func(e Entry) bool { return e.Key == x.key })
		if i < 0 {
			t.Errorf("%s is not listed", x.key)
			continue
		}
		if e := o.Entries()[i]; e.Value != x.value || e.Origin.String() != x.origin {
			t.Errorf("%s is %q from %q, want %q from %q", x.key, e.Value, e.Origin, x.value, x.origin)
		}
	}
}

// A list of one is as good as a section, at the end of a move or before it.
func TestAListOfOneTransport(t *testing.T) {
	c, _, err := Load(write(t, moving[:strings.Index(moving, "    - name: http")]), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if all := c.Host.Transports; len(all) != 1 || all[0].Name != "quic" || all[0].Listen != "0.0.0.0:7702" {
		t.Errorf("transports %+v", all)
	}
}

// Of a member with URLs of two schemes it cannot be guessed which are the only
// transport's.
func TestOneTransportOfAMemberWithTwoKindsOfURLs(t *testing.T) {
	both := strings.Replace(minimal, `"http://127.0.0.1:7502"`, `"quic://127.0.0.1:7702", "http://127.0.0.1:7502"`, 1)
	_, _, err := Load(write(t, both), nil, nil)
	want := "plugins.transport.advertise: is missing; list the peer URLs of this member that are this transport's, of quic://127.0.0.1:7702, http://127.0.0.1:7502"
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	c, _, err := Load(write(t, both+"plugins: {transport: {name: quic, advertise: [\"quic://127.0.0.1:7702\"]}}\n"), nil, nil)
	if err != nil || c.Host.Transports[0].Listen != "127.0.0.1:7702" {
		t.Errorf("listens on %q: %v", c.Host.Transports[0].Listen, err)
	}
}

func TestBadListsOfTransports(t *testing.T) {
	list := func(items ...string) string {
		return minimal + "plugins:\n  transport:\n" + strings.Join(items, "")
	}
	quic := "    - {name: quic, advertise: [\"quic://127.0.0.1:7702\"]}\n"
	http := "    - {name: http, advertise: [\"http://127.0.0.1:7502\"]}\n"
	for _, x := range []struct{ name, text, want string }{
		{"empty", minimal + "plugins: {transport: []}\n", "n1.yaml:7: plugins.transport is an empty list; it must have at least one transport"},
		{"too many", list(quic, http, quic), "n1.yaml:11: plugins.transport has 3 transports; a host runs at most 2"},
		{"an item that is no section", list(quic, "    - http\n"), `n1.yaml:10: plugins.transport[1] is the value "http"; it must be a section of keys`},
		{"an unknown key", list("    - {name: quic, listn: x}\n"), `n1.yaml:9: unknown key "listn" in plugins.transport[0] (did you mean "listen"?)`},
		{"no name", list(quic, "    - {advertise: [\"http://h:1\"]}\n"), "plugins.transport[1].name: is missing; name a shipped plugin, or give command and sha256"},
		{"no URLs", list(quic, "    - {name: http}\n"), "n1.yaml:10: plugins.transport[1].advertise: is missing; list the peer URLs of this member that are this transport's, of http://127.0.0.1:7502"},
		{"a bad URL", list(quic, "    - {name: http, advertise: [\"127.0.0.1:7502\"]}\n"), "n1.yaml:10: plugins.transport[1].advertise: "},
		{"one name", list(quic, "    - {name: quic, advertise: [\"http://h:1\"]}\n"), "n1.yaml:10: plugins.transport[1].name: quic is that of plugins.transport[0] already; two transports must be different ones"},
		{
			"one scheme", list(http, "    - {name: web, advertise: [\"http://127.0.0.1:7503\"]}\n"),
			"n1.yaml:10: plugins.transport[1].advertise: has http URLs, as plugins.transport[0] has already; two transports must differ in the scheme",
		},
		{"the clients' port", list(quic, "    - {name: http, listen: \"127.0.0.1:7402\", advertise: [\"http://h:1\"]}\n"), "plugins.transport[1].listen: 127.0.0.1:7402 is taken by api.listen already"},
		{"no isolation of that name", list("    - {name: quic, advertise: [\"quic://h:1\"], isolation: jail}\n"), `n1.yaml:9: plugins.transport[0].isolation: "jail" is not possible`},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, _, err := Load(write(t, x.text), nil, nil)
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got  %v\nwant %s", err, x.want)
			}
		})
	}
}

// Flags and the environment have no way to say which item they mean.
func TestAListOfTransportsIsSetInTheFile(t *testing.T) {
	for _, variable := range []string{"PONTOON_PLUGINS_TRANSPORT_LISTEN=:1", "PONTOON_PLUGINS_TRANSPORT=x", "PONTOON_PLUGINS_TRANSPORT_0_LISTEN=:1"} {
		_, _, err := Load(write(t, moving), nil, []string{variable})
		if err == nil || !strings.Contains(err.Error(), "plugins.transport cannot be set from the environment; set it in the file") {
			t.Errorf("%s: %v", variable, err)
		}
	}
	for _, key := range []string{"plugins.transport.listen", "plugins.transport[0].listen", "plugins.transport"} {
		_, _, err := Load(write(t, moving), map[string]string{key: ":1"}, nil)
		if err == nil || !strings.Contains(err.Error(), "--set "+key+": cannot be set by a flag; set it in the file") {
			t.Errorf("%s: %v", key, err)
		}
	}
}
