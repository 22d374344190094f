package httptransport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

var hostileFor = flag.Duration("b4", time.Second,
	"how long TestB4DecodersUnderAMemoryCap decodes; the statement asks for ten minutes")

const (
	// memoryCap is what the process that decodes may have.
	memoryCap = 256 << 20
	// wideLimit is a limit on messages beyond it: a decoder that takes memory for a
	// length that it was told, dies.
	wideLimit = 1 << 30

	cappedVariable = "PONTOON_TEST_MEMORY_CAP"
)

// B4: a process that may have 256 MiB of memory decodes what was spoilt, with a
// limit on messages of a gibibyte: there are errors only, and it lives on.
// Ten minutes of it: -b4 10m.
func TestB4DecodersUnderAMemoryCap(t *testing.T) {
	if os.Getenv(cappedVariable) != "" {
		decodeCapped(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^TestB4DecodersUnderAMemoryCap$", "-b4="+hostileFor.String())
	cmd.Env = append(os.Environ(), cappedVariable+"=1")
	out, err := cmd.CombinedOutput()
	if text := string(out); err != nil {
		t.Errorf("%v\n%s", err, text[:min(len(text), 4<<10)])
	} else if strings.Contains(text, "--- SKIP") {
		t.Skipf("the cap cannot be set:\n%s", text)
	}
}

func decodeCapped(t *testing.T) {
	if used := dataBytes(t); used > memoryCap/2 {
		t.Skipf("%d MiB are in use before the first byte: the race detector needs them", used>>20)
	}
	limit := unix.Rlimit{Cur: memoryCap, Max: memoryCap}
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &limit); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 4))
	wires := [][]byte{hostileStart(t, messageEncoder{}), hostileStart(t, &msgappEncoder{link: testLink})}
	failed := 0
	for end := time.Now().Add(*hostileFor); time.Now().Before(end); {
		for kind := range wires {
			wire := spoil(random, wires[kind])
			reader := bufio.NewReaderSize(bytes.NewReader(wire), 4<<10)
			var decoder frameReader = &messageDecoder{r: reader, link: testLink, limit: wideLimit}
			if kind == 1 {
				decoder = &msgappDecoder{r: reader, link: testLink, limit: wideLimit}
			}
			var err error
			for err == nil {
				_, _, err = decoder.next()
			}
			if !errors.Is(err, io.EOF) {
				failed++
			}
		}
	}
	if failed == 0 {
		t.Error("nothing was spoilt")
	}
}

// dataBytes is what counts against the cap now.
func dataBytes(t *testing.T) (n int64) {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "\nVmData:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// hostileStart is what a decoder takes: messages with and without entries.
func hostileStart(t *testing.T, encoder frameEncoder) (wire []byte) {
	t.Helper()
	for index := range uint64(8) {
		m := pluginv1.Message{Type: raftmsg.TypeApp, From: testLink.From, To: testLink.To, Term: 1, LogTerm: 1, Index: index, Commit: index}
		for range index % 3 {
			m.Entries = append(m.Entries, pluginv1.Entry{Term: 1, Index: index + uint64(len(m.Entries)) + 1, Data: make([]byte, 100)})
		}
		wire = encoder.heartbeat(append(wire, frame(t, encoder, encode(t, m))...))
	}
	return wire
}

// spoil cuts, overwrites and repeats, and puts lengths where there may be some.
func spoil(random *rand.Rand, wire []byte) []byte {
	wire = bytes.Clone(wire)
	for range 1 + random.IntN(4) {
		at := random.IntN(len(wire))
		switch random.IntN(4) {
		case 0:
			wire[at] ^= 1 << random.IntN(8)
		case 1:
			wire = wire[:at+1]
		case 2:
			wire = append(wire, wire[at:]...)
		case 3:
			if at+8 <= len(wire) {
				binary.BigEndian.PutUint64(wire[at:], random.Uint64()>>random.IntN(64))
			}
		}
	}
	return wire
}
