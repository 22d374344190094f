package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

func newMachine() *machine { return &machine{log: slog.New(slog.DiscardHandler)} }

const table = "CREATE TABLE IF NOT EXISTS series(i INTEGER, note TEXT); "

func TestConformance(t *testing.T) {
	statemachinetest.Run(t, statemachinetest.Harness{
		New:     func(testing.TB) statemachine.StateMachine { return newMachine() },
		Command: func(i int) []byte { return fmt.Appendf(nil, table+"INSERT INTO series(i) VALUES(%d)", i) },
		Refused: []statemachinetest.Refusal{
			{Name: "no SQL", Data: []byte("one")},
			{Name: "no function of the entry", Data: []byte("SELECT random()")},
			{Name: "half of a command", Data: []byte(table + "INSERT INTO series(i) VALUES(-1); INSERT INTO absent VALUES(1)")},
			{Name: "a rollback", Data: []byte("CREATE TABLE once(i INTEGER PRIMARY KEY); INSERT INTO once VALUES(1); INSERT OR ROLLBACK INTO once VALUES(1)")},
		},
		Observe: func(ctx context.Context, sm statemachine.StateMachine) (string, error) {
			answer, err := sm.Query(ctx, []byte(".hash"))
			_, sum, _ := strings.Cut(string(answer), "sha256")
			return sum, err
		},
		Stream:     func() []byte { return []byte("SELECT 1") }, // the first line has the applied index
		BadQueries: [][]byte{[]byte("what?"), []byte("INSERT INTO series VALUES(1)"), []byte(`{"sql": 1}`)},
		Sized: func(n int) []byte {
			const head = "SELECT 1 AS a /*"
			return []byte(head + strings.Repeat("x", n-len(head)-2) + "*/")
		},
		Checksummed: true,
		Durable:     true,
	})
}
