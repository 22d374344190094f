//go:build linux

package catalog_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
)

// The test binary is also the programs that the tests start: a shipped
// backend's process ("plugin-serve"), third-party plugins good and bad
// ("fake-plugin"), and a host that gets killed ("fake-host").
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "plugin-serve":
			serveFakeOver(frames.NewServer(), os.Args[2], os.Args[3])
			return
		case "fake-plugin":
			runFakePlugin(os.Args[2])
			return
		case "fake-host":
			runFakeHost(os.Args[2])
			return
		}
	}
	goleak.VerifyTestMain(m)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
