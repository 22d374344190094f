package main

import (
	"errors"
	"fmt"
	"net"
)

// freeAddresses returns n loopback addresses whose ports nobody listened on a moment ago. All are held
// open until the last is found, so that none is given twice.
func freeAddresses(n int) (addresses []string, err error) {
	for range n {
		listener, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if listenErr != nil {
			return nil, fmt.Errorf("find a free port: %w", listenErr)
		}
		defer func() { err = errors.Join(err, listener.Close()) }()
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}
