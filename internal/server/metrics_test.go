package server_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// ofOthers tells the metrics that plugins, internal/api and core have of their own: they begin with
// a kind, with api, certificate, client_handshakes or events. Whether these are documented is for their own
// tests to say.
var ofOthers = regexp.MustCompile(`^pontoon_(storage|transport|statemachine|api|certificate|client_handshakes|events)_`)

// docs/metrics.md has a row for each metric, with its labels, and no others.
func TestMetricsAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) > 4 && strings.HasPrefix(cells[1], " `pontoon_") {
			name := strings.Trim(cells[1], " `")
			if ofOthers.MatchString(name) {
				continue
			}
			documented[name] = strings.ReplaceAll(strings.TrimSpace(cells[3]), "`", "")
		}
	}
	registered := registeredMetrics(t)
	for name, labels := range registered {
		if have, ok := documented[name]; !ok {
			t.Errorf("%s is not documented", name)
		} else if have != labels {
			t.Errorf("%s has the labels %q, documented are %q", name, labels, have)
		}
	}
	for name := range documented {
		if _, ok := registered[name]; !ok {
			t.Errorf("%s is documented, but there is no such metric", name)
		}
	}
}

// registeredMetrics returns what a server registers: labels by name.
func registeredMetrics(t *testing.T) map[string]string {
	t.Helper()
	registry := prometheus.NewRegistry()
	server.New(server.Config{Metrics: registry})
	descriptions := make(chan *prometheus.Desc)
	go func() {
		registry.Describe(descriptions)
		close(descriptions)
	}()
	// Only its text tells what is in a Desc.
	pattern := regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)
	all := map[string]string{}
	for d := range descriptions {
		m := pattern.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("cannot read %s", d)
		}
		labels := strings.Split(m[2], ",")
		slices.Sort(labels)
		all[m[1]] = strings.Join(labels, ", ")
	}
	if len(all) < 10 {
		t.Fatalf("found only %d metrics", len(all))
	}
	return all
}

// The rules of docs/metrics.md for names.
func TestMetricNamesFollowTheRules(t *testing.T) {
	registry := prometheus.NewRegistry()
	server.New(server.Config{Metrics: registry, Plugins: func() []server.PluginStatus {
		return []server.PluginStatus{{Kind: "storage", Name: "wal", State: "ready"}}
	}})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		name := f.GetName()
		if !strings.HasPrefix(name, "pontoon_") {
			t.Errorf("%s lacks the prefix", name)
		}
		if counter := f.GetType().String() == "COUNTER"; counter != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %s", name, f.GetType())
		}
	}
}
