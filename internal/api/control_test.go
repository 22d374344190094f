package api

import (
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// A connection that sends frames about itself alone, beyond what its address may, is
// cut off. One PING after each answer is free: clients measure the path by that.
func TestFramesAboutTheConnectionAreBounded(t *testing.T) {
	answer := frames(func(f *http2.Framer) { _ = f.WriteData(1, false, []byte("x")) })
	for name, c := range map[string]struct {
		frame func(f *http2.Framer)
		count int
		// answered is written before each frame.
		answered []byte
		cut      bool
	}{
		"PING":                     {frame: func(f *http2.Framer) { _ = f.WritePing(false, [8]byte{}) }, count: controlOfOne + wasteBurst + wasteRate, cut: true},
		"answers to PING":          {frame: func(f *http2.Framer) { _ = f.WritePing(true, [8]byte{}) }, count: controlOfOne + wasteBurst + wasteRate, cut: true},
		"SETTINGS":                 {frame: func(f *http2.Framer) { _ = f.WriteSettings() }, count: controlOfOne + wasteBurst + wasteRate, cut: true},
		"PRIORITY":                 {frame: func(f *http2.Framer) { _ = f.WritePriority(1, http2.PriorityParam{}) }, count: controlOfOne + wasteBurst + wasteRate, cut: true},
		"a burst":                  {frame: func(f *http2.Framer) { _ = f.WritePing(false, [8]byte{}) }, count: controlOfOne + wasteBurst},
		"a PING after each answer": {frame: func(f *http2.Framer) { _ = f.WritePing(false, [8]byte{}) }, count: 10 * wasteBurst, answered: answer},
		"room for answers":         {frame: func(f *http2.Framer) { _, _ = f.WriteWindowUpdate(0, 1), f.WriteWindowUpdate(1, 1) }, count: 10 * wasteBurst, answered: answer},
		"room for no answers":      {frame: func(f *http2.Framer) { _ = f.WriteWindowUpdate(0, 1) }, count: controlOfOne + wasteBurst + wasteRate, cut: true},
		"words of an end":          {frame: func(f *http2.Framer) { _ = f.WriteGoAway(0, 0, nil) }, count: controlOfOne + wasteBurst + wasteRate, cut: true},
		"an unknown kind":          {frame: func(f *http2.Framer) { _ = f.WriteRawFrame(0xbb, 0, 0, []byte("x")) }, count: controlOfOne + wasteBurst + wasteRate, cut: true},
		"resets of no stream":      {frame: func(f *http2.Framer) { _ = f.WriteRSTStream(1, 0) }, count: controlOfOne + wasteBurst + wasteRate, cut: true},
		"data of no stream":        {frame: func(f *http2.Framer) { _ = f.WriteData(1, false, []byte("x")) }, count: controlOfOne + wasteBurst + wasteRate, cut: true},
		"headers without an end":   {frame: func(f *http2.Framer) { _ = f.WriteContinuation(1, false, nil) }, count: controlOfOne + wasteBurst + wasteRate, cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			all, conns, _ := metered(t, 1<<30, 1)
			in, cut := frames(c.frame), false
			for range c.count {
				conns[0].meter.wrote(c.answered)
				if cut = conns[0].meter.read(in) != nil; cut {
					break
				}
			}
			if counted := all.counts.closed[closedControl].Load() == 1; cut != c.cut || counted != c.cut {
				t.Errorf("cut off: %t, counted: %t", cut, counted)
			}
		})
	}
}

// Data of a call in frames that are empty, or of which each is a few bytes of a message,
// cost the host much more than they bring: a connection with too many is cut off. Data
// in messages of any size are not, nor are those that are on their way when the host ends
// the call.
func TestFramesWithAlmostNothingAreBounded(t *testing.T) {
	const most = controlOfOne + wasteBurst + wasteRate
	message := append(part(10, 0), make([]byte, 10)...)
	for name, c := range map[string]struct {
		begin []byte // of the stream's data
		frame []byte // of them, again and again
		ended bool   // by the host, before the frames come
		flags http2.Flags
		count int
		cut   bool
	}{
		"empty":                       {count: most, cut: true},
		"ends of the call":            {flags: http2.FlagDataEndStream, count: most, cut: true},
		"bytes of a message":          {begin: part(1<<20, 0), frame: []byte("x"), count: most, cut: true},
		"padded bytes":                {begin: part(1<<20, 0), frame: []byte{1, 'x', 0}, flags: http2.FlagDataPadded, count: most, cut: true},
		"messages":                    {frame: message, count: 10 * most},
		"beginnings and ends":         {frame: part(0, 0), count: 10 * most},
		"parts of a message":          {begin: part(1<<30, 0), frame: make([]byte, leastFrame), count: 2 * most},
		"on their way, after an end":  {frame: message, ended: true, count: framesOnTheirWay + controlOfOne + wasteBurst},
		"long after the call's end":   {frame: message, ended: true, count: framesOnTheirWay + most, cut: true},
		"empty, after the call's end": {ended: true, count: most, cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			_, conns, _ := metered(t, 1<<30, 1)
			m := conns[0].meter
			_ = m.read(frames(func(f *http2.Framer) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("x"), EndHeaders: true})
				if len(c.begin) > 0 {
					_ = f.WriteData(1, false, c.begin)
				}
			}))
			if c.ended {
				m.wrote(frames(func(f *http2.Framer) {
					_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("x"), EndHeaders: true, EndStream: true})
				}))
			}
			in, cut := frames(func(f *http2.Framer) { _ = f.WriteRawFrame(http2.FrameData, c.flags, 1, c.frame) }), false
			for i := 0; i < c.count && !cut; i++ {
				cut = m.read(in) != nil
			}
			if cut != c.cut {
				t.Errorf("cut off: %t", cut)
			}
		})
	}
}

// As often as gRPC lets clients ask whether their host is there they may do so for
// ever: of many long-lived ones at one address none is cut off, and a new one does not
// wait. The number that such a connection may send at once does not grow.
func TestKeepAlivesOfManyLongLivedConnectionsAreNoWaste(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, conns, _ := metered(t, 1<<30, 1)
		ping := frames(func(f *http2.Framer) { _ = f.WritePing(false, [8]byte{}) })
		many := make([]*meter, 2*wasteBurst)
		for i := range many {
			many[i] = newMeter(all, conns[0].meter.address)
		}
		for asked := range 2 * controlOfOne {
			for i, m := range many {
				if err := m.read(ping); err != nil {
					t.Fatalf("connection %d is cut off with its PING number %d", i, asked)
				}
			}
			time.Sleep(pingEvery)
		}
		if all.waste.spent(conns[0].meter.address, time.Now()) {
			t.Error("new connections of the address wait")
		}
		sent := 0
		for conns[0].meter.read(ping) == nil && sent <= controlOfOne+wasteBurst {
			sent++
		}
		if sent != controlOfOne+wasteBurst {
			t.Errorf("an old connection has sent %d at once, want %d", sent, controlOfOne+wasteBurst)
		}
	})
}

// A client that connects anew for each few frames comes to the bound of its address as
// one with a single connection does.
func TestFramesOverManyConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, conns, _ := metered(t, 1<<30, 1)
		ping := frames(func(f *http2.Framer) { _ = f.WritePing(false, [8]byte{}) })
		const each, most = 100, wasteBurst/(100-controlOfOne) + 1
		for range most {
			m := newMeter(all, conns[0].meter.address)
			for range each {
				_ = m.read(ping)
			}
		}
		if !all.waste.spent(conns[0].meter.address, time.Now()) {
			t.Errorf("an address may connect after %d connections with %d PINGs each", most, each)
		}
	})
}

// Requests that each of many connections of one address needs do not count: a client
// that opens them fast is not held back.
func TestIntroductionsAreNoWaste(t *testing.T) {
	all, conns, _ := metered(t, 1<<30, 1)
	hello := frames(func(f *http2.Framer) { _, _ = f.WriteSettings(), f.WriteSettingsAck() })
	for range wasteBurst {
		m := newMeter(all, conns[0].meter.address)
		if err := m.read(hello); err != nil {
			t.Fatal(err)
		}
	}
	if all.waste.spent(conns[0].meter.address, time.Now()) {
		t.Error("new connections of the address wait")
	}
}
