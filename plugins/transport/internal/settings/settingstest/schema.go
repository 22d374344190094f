// Package settingstest checks what transport backends say of their configuration.
package settingstest

import (
	"encoding/json"
	"reflect"
	"testing"
)

// CheckSchema fails unless a schema names exactly the keys of a struct by their yaml tags,
// which defaults is a value of, and its values as the defaults.
func CheckSchema(t *testing.T, text []byte, defaults any) {
	t.Helper()
	var schema struct {
		Properties map[string]struct{ Default any }
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	values := reflect.ValueOf(defaults)
	for _, field := range reflect.VisibleFields(values.Type()) {
		if field.Anonymous {
			continue // its fields are visible, too
		}
		key := field.Tag.Get("yaml")
		want, err := json.Marshal(values.FieldByIndex(field.Index).Interface())
		if err != nil {
			t.Fatal(err)
		}
		if _, known := schema.Properties[key]; !known {
			t.Errorf("%s is not in the schema", key)
		}
		got, err := json.Marshal(schema.Properties[key].Default)
		if err != nil || string(got) != string(want) {
			t.Errorf("default of %s is %s in the schema and %s in the code, error %v", key, got, want, err)
		}
		delete(schema.Properties, key)
	}
	if len(schema.Properties) > 0 {
		t.Errorf("the schema has keys that are not read: %v", schema.Properties)
	}
}
