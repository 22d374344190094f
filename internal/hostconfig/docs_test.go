package hostconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// docs/configuration.md lists every setting with its default.
func TestEverySettingIsDocumented(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(line, "|")
		if len(cells) > 3 {
			rows[strings.Trim(cells[1], " `")] = strings.Trim(cells[2], " `")
		}
	}
	s := newSchema(newConfig())
	for _, key := range append(s.whole, keysOf(s.settings)...) {
		def, ok := rows[key]
		for tail := key; !ok && strings.Contains(tail, "."); { // a row may be of all plugins
			tail = tail[strings.IndexByte(tail, '.')+1:]
			def, ok = rows["…."+tail]
		}
		if !ok {
			t.Errorf("%s is not documented", key)
		}
		if x, isSetting := s.settings[key]; isSetting && x.value.String() != "" && def != x.value.String() {
			t.Errorf("%s: documented default %q, real one %q", key, def, x.value)
		}
	}
}

func keysOf(settings map[string]setting) []string {
	var keys []string
	for k := range settings {
		keys = append(keys, k)
	}
	return keys
}
