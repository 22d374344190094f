package sqlite

import (
	"reflect"
	"testing"
)

// FuzzParse: a command is read the same each time, and its refusal has one sentence; its arguments are values of SQLite.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"SELECT 1", `{"sql": "SELECT ?", "args": [1, -0, 2.5, 1e3, null, true, "a\u0000b", {"base64": "AP8="}]}`, `{"sql": "SELECT :a", "args": {"a": 9223372036854775808}}`,
		`{"sql": "a", "sql": "b", "args": null}`, `{"sql": "x"}}`, `{"sql": "x", "args": {"a": {}, "b": []}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := parse(data)
		again, errAgain := parse(data)
		if (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() || err == nil && !reflect.DeepEqual(first, again) {
			t.Fatalf("%+v, %v, and then %+v, %v", first, err, again, errAgain)
		}
		if err != nil {
			return
		}
		values := first.list
		for _, value := range first.named {
			values = append(values, value)
		}
		for _, value := range values {
			switch value.(type) {
			case nil, int64, float64, string, []byte:
			default:
				t.Fatalf("a value of type %T", value)
			}
		}
	})
}
