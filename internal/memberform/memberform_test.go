package memberform

import "testing"

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"n1": true, "a.b-c_d": true, "": false, ".a": false, "a b": false, "a/b": false, "a\nb": false,
		"a\x1b[2J": false, "a\u202eb": false, "a\u0085": false, "ä": false,
		"a234567890123456789012345678901234567890123456789012345678901234": false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// The name of a client may be an address of mail besides, and is one word wherever
// it is printed.
func TestNamesOfClients(t *testing.T) {
	for name, ok := range map[string]bool{
		"ops": true, "App.Example": true, "alice@example.org": true, "7-a_b": true,
		"a23456789012345678901234567890123456789012345678901234567890123":  true,
		"a234567890123456789012345678901234567890123456789012345678901234": false,
		"": false, "*": false, ".a": false, "-a": false, "@a": false, "a b": false, "a/b": false, "a:b": false, "a,b": false,
		"a\"b": false, "a\nb": false, "a\x1b[2J": false, "a\u202eb": false, "\u00e4": false, "a%2fb": false,
	} {
		if err := CheckClientName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A host checks the name of a client for each request with its certificate.
func TestToCheckANameAllocatesNothing(t *testing.T) {
	for what, check := range map[string]func(string) error{"member": CheckName, "client": CheckClientName} {
		if n := testing.AllocsPerRun(100, func() { _ = check("front-end.7") }); n != 0 {
			t.Errorf("the name of a %s: %v allocations", what, n)
		}
	}
}

func TestAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"10.0.0.1:7401": true, "[::1]:7401": true, "n1.example.org:1": true, "n1:65535": true,
		"": false, "n1": false, ":7401": false, "0.0.0.0:1": false, "[::]:1": false, "n1:0": false, "n1:65536": false,
		"n1\n:1": false, "n1\x1b[2J:1": false, "n\u202e1:1": false, "n\u00a01:1": false, "n 1:1": false,
	} {
		if err := CheckAddress(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
	for address, ok := range map[string]bool{":7401": true, "0.0.0.0:0": true, "here": false, "a\n:1": false} {
		if err := CheckListener(address); (err == nil) != ok {
			t.Errorf("listen on %q: %v", address, err)
		}
	}
}

func TestPeerURLs(t *testing.T) {
	for text, ok := range map[string]bool{
		"http://10.0.0.1:7501": true, "https://n1.example.org:1": true, "quic://n1:1": true, "carrier+pigeon://loft": true,
		"http://n1:1/": false, "http://u@n1:1": false, "http://n1:1?": false, "http://n1": false, "n1:1": false,
		"quic://n1:1\n": false, "quic://n\u202e1:1": false, "pigeon://a b": false, "http://0.0.0.0:1": false,
		"unix:///run/n1.sock": true, "unixs://n1.sock": true, "unix://": false, "unix:///": false, "unix:n1": false, "unix:///n1?x": false,
	} {
		if err := CheckPeerURL(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
