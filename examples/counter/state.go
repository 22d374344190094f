package main

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"strconv"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// state is all there is: replicas that applied the same entries have the same.
type state struct {
	applied uint64
	value   int64
}

// add applies one command, which counts so many times. A command that it refuses is refused by every
// replica.
func (s *state) add(command []byte, times int64) statemachine.Result {
	n, err := strconv.ParseInt(string(command), 10, 64)
	if err != nil {
		return statemachine.Result{Error: "a command is a decimal number of 64 bits"}
	}
	sum := n * times
	if n > math.MaxInt64/times || n < math.MinInt64/times ||
		sum > 0 && s.value > math.MaxInt64-sum || sum < 0 && s.value < math.MinInt64-sum {
		return statemachine.Result{Error: "the counter would overflow"}
	}
	s.value += sum
	return statemachine.Result{Data: strconv.AppendInt(nil, s.value, 10)}
}

// snapshotBytes: magic, applied index, value, CRC-32 of these.
const (
	magic         = "counter1"
	snapshotBytes = len(magic) + 8 + 8 + 4
)

// snapshot is a state that was fixed.
type snapshot state

func (s snapshot) Index() uint64 { return s.applied }

func (s snapshot) Save(_ context.Context, w io.Writer) error {
	raw := binary.LittleEndian.AppendUint64([]byte(magic), s.applied)
	raw = binary.LittleEndian.AppendUint64(raw, uint64(s.value))
	_, err := w.Write(binary.LittleEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw)))
	return err
}

func (s snapshot) Release() {}

func decodeSnapshot(raw []byte) (state, error) {
	if len(raw) != snapshotBytes || string(raw[:len(magic)]) != magic {
		return state{}, errors.New("not a snapshot")
	}
	body, sum := raw[:snapshotBytes-4], binary.LittleEndian.Uint32(raw[snapshotBytes-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return state{}, errors.New("wrong checksum")
	}
	return state{
		applied: binary.LittleEndian.Uint64(body[len(magic):]),
		value:   int64(binary.LittleEndian.Uint64(body[len(magic)+8:])),
	}, nil
}
