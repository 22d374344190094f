package plugincheck

import (
	"testing"

	"github.com/pontoon-raft/pontoon/internal/sectionschema"
	"github.com/pontoon-raft/pontoon/plugins"
)

// testSection: an operator's section can be judged by what the plugin announces, and the one
// that the kits open it with passes.
func testSection(t *testing.T, s *Subject, info plugins.Info) {
	checks(t, "P-12")
	section, err := s.Hints.section()
	if err != nil {
		t.Fatal(err)
	}
	if len(info.ConfigSchema) == 0 {
		t.Skip("the plugin announces no section")
	}
	faults, err := sectionschema.Judge(info.ConfigSchema, section)
	if err != nil {
		t.Fatalf("the config_schema: %v", err)
	}
	for _, f := range faults {
		t.Errorf("the hint config is not what the config_schema allows: line %d: %s: %s", f.Line, f.Key, f.Text)
	}
}
