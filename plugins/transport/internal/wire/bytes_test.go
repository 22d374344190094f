package wire

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// A length costs its receiver no more memory than a step before bytes come.
func TestLengthAloneCostsLittle(t *testing.T) {
	dst, err := ReadBytes(bytes.NewReader(nil), nil, 1<<30)
	if !errors.Is(err, io.ErrUnexpectedEOF) || cap(dst) > GrowBytes {
		t.Errorf("%d bytes were set aside for a length alone, error %v", cap(dst), err)
	}
}

func TestMuchIsReadInSteps(t *testing.T) {
	for _, n := range []int{0, 1, GrowBytes - 1, GrowBytes, GrowBytes + 1, 3*GrowBytes + 5} {
		data := make([]byte, n)
		_, _ = rand.NewChaCha8([32]byte{}).Read(data)
		got, err := ReadBytes(bytes.NewReader(data), nil, n)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: equal %t, error %v", n, bytes.Equal(got, data), err)
		}
	}
}
