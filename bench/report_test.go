package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// threeRounds are the samples of two systems at one number of clients.
func threeRounds() (settings, []sample) {
	s := settings{
		systems: []string{"other", nameEtcd}, clients: []int{64},
		size: 256, duration: 5 * time.Second, warmup: 2 * time.Second, rounds: 3,
	}
	var samples []sample
	for i, ops := range []float64{9000, 1000, 8000} {
		samples = append(samples,
			sample{system: "other", clients: 64, opsPerSecond: ops, p50: 2 * time.Millisecond, p99: 6 * time.Millisecond, errors: i},
			sample{system: nameEtcd, clients: 64, opsPerSecond: ops / 4, p50: 4 * time.Millisecond, p99: 8 * time.Millisecond})
	}
	return s, samples
}

func TestReportHasMediansAndRatios(t *testing.T) {
	s, samples := threeRounds()
	other := newReport(s, machine{}, samples).Results[0]
	if want := (figures{OpsPerSecond: 8000, P50MS: 2, P99MS: 6}); other.figures != want {
		t.Errorf("medians = %+v, want %+v", other.figures, want)
	}
	if other.Errors != 3 {
		t.Errorf("errors = %d, want the sum of all rounds, 3", other.Errors)
	}
	if want := (ratios{Ops: 4, P50: 0.5, P99: 0.75}); other.Against[nameEtcd] != want {
		t.Errorf("against etcd = %+v, want %+v", other.Against[nameEtcd], want)
	}
	if _, ok := other.Against[nameHashicorp]; ok {
		t.Error("there is a ratio to a system that was not measured")
	}
}

func TestTable(t *testing.T) {
	s, samples := threeRounds()
	var b bytes.Buffer
	if err := writeTable(&b, newReport(s, machine{OS: "linux", Arch: "amd64", CPUs: 2, FsyncMS: 0.5}, samples)); err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
linux/amd64, 2 CPUs, fsync 0.50 ms; 256 byte values, 5s after 2s of warm-up, median of 3 rounds

system  clients  ops/s  p50 ms  p99 ms  errors  ops/etcd  p50/etcd  p99/etcd
other        64   8000    2.00    6.00       3     4.00x     0.50x     0.75x
etcd         64   2000    4.00    8.00       0         -         -         -
`, "\n")
	if got := b.String(); got != want {
		t.Errorf("table:\n%s\nwant:\n%s", got, want)
	}
}

// A system with TLS stands beside the same one without, under the same load.
func TestTheTableHasWhatTLSCosts(t *testing.T) {
	s, samples := threeRounds()
	for i := range samples {
		samples[i].system = map[string]string{"other": namePontoonTLS, nameEtcd: namePontoon}[samples[i].system]
	}
	s.systems = []string{namePontoon, namePontoonTLS}
	var b bytes.Buffer
	if err := writeTable(&b, newReport(s, machine{}, samples)); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "ops/pontoon  p50/pontoon  p99/pontoon\n") || !strings.Contains(got, "4.00x        0.50x        0.75x") {
		t.Errorf("table:\n%s", got)
	}
}

func TestJSONNamesItsFields(t *testing.T) {
	s, samples := threeRounds()
	var b bytes.Buffer
	if err := writeJSON(&b, newReport(s, machine{}, samples)); err != nil {
		t.Fatal(err)
	}
	var decoded struct {
		Results []map[string]any `json:"results"`
	}
	if err := json.Unmarshal(b.Bytes(), &decoded); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"system", "clients", "ops_per_second", "p50_ms", "p99_ms", "errors", "against", "rounds"} {
		if _, ok := decoded.Results[0][field]; !ok {
			t.Errorf("a result has no field %q: %v", field, decoded.Results[0])
		}
	}
}

func TestMedian(t *testing.T) {
	cases := []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{3}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 9, 2}, 3},
	}
	for _, c := range cases {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
}
