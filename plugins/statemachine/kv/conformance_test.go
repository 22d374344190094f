package kv_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/kv/kvtest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func direct(testing.TB) statemachine.StateMachine { return kv.New(backend.Env{}) }

func TestConformance(t *testing.T) { statemachinetest.Run(t, kvtest.Harness(direct)) }

func BenchmarkConformance(b *testing.B) { statemachinetest.RunBenchmarks(b, kvtest.Harness(direct)) }
