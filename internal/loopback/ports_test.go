package loopback

import (
	"net"
	"testing"
)

func TestNoPortIsGivenTwice(t *testing.T) {
	var ports Ports
	seen := make(map[string]bool)
	for range 2000 { // of 20 000: by chance alone a hundred would be the same
		address, err := ports.Free()
		if err != nil {
			t.Fatal(err)
		}
		if seen[address] {
			t.Fatalf("%s twice", address)
		}
		seen[address] = true
	}
}

func TestATakenPortIsNotGiven(t *testing.T) {
	var ports Ports
	address, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"tcp", "udp"} {
		if err := free(address); err != nil {
			t.Fatalf("before anybody listens: %v", err)
		}
		stop := listen(t, network, address)
		if free(address) == nil {
			t.Errorf("%s is free while somebody listens by %s", address, network)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
}

func listen(t *testing.T, network, address string) func() error {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		return c.Close
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return l.Close
}
