package core

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// docs/metrics.md has a row for each metric of certificates and handshakes, and no
// others.
func TestMetricsOfCertificatesAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(pontoon_(?:certificate|client_handshakes)_[a-z_]+)`").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1])
	}
	var made []string
	for _, c := range []prometheus.Collector{newCertificates(&Config{}, nil), newRefusedHandshakes(nil)} {
		descriptions := make(chan *prometheus.Desc, 2)
		c.Describe(descriptions)
		close(descriptions)
		for d := range descriptions {
			made = append(made, regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1])
		}
	}
	slices.Sort(documented)
	slices.Sort(made)
	if !slices.Equal(documented, made) {
		t.Errorf("documented %q, made %q", documented, made)
	}
}
