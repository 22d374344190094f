package sqlite

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A statement is a command or a query as a client gives it: SQL itself, or a JSON object
// with the SQL and its arguments.
type statement struct {
	SQL   string          `json:"sql"`
	Args  json.RawMessage `json:"args"`
	list  []any
	named map[string]any
}

// parse reads a command or a query.
func parse(data []byte) (statement, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return statement{}, fmt.Errorf("there is no statement")
	}
	if !utf8.Valid(data) {
		return statement{}, fmt.Errorf("the statement is not UTF-8")
	}
	if bytes.TrimSpace(data)[0] != '{' {
		return statement{SQL: string(data)}, nil
	}
	var s statement
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(&s); err != nil {
		return statement{}, fmt.Errorf("the statement is not JSON with sql and args: %w", err)
	}
	if _, err := in.Token(); err != io.EOF {
		return statement{}, fmt.Errorf("the statement has more after its JSON")
	}
	if strings.TrimSpace(s.SQL) == "" {
		return statement{}, fmt.Errorf("there is no statement")
	}
	return s, s.arguments()
}

func (s *statement) arguments() error {
	if len(s.Args) == 0 || string(s.Args) == "null" {
		return nil
	}
	in := json.NewDecoder(bytes.NewReader(s.Args))
	in.UseNumber()
	var raw any
	if err := in.Decode(&raw); err != nil {
		return fmt.Errorf("args: %w", err)
	}
	switch args := raw.(type) {
	case []any:
		for i, arg := range args {
			v, err := argument(arg)
			if err != nil {
				return fmt.Errorf("argument %d: %w", i+1, err)
			}
			s.list = append(s.list, v)
		}
		return nil
	case map[string]any:
		s.named = map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(args)) { // the first one at fault is the same on all members
			v, err := argument(args[name])
			if err != nil {
				return fmt.Errorf("argument %s: %w", name, err)
			}
			s.named[name] = v
		}
		return nil
	}
	return fmt.Errorf("args are a list, or an object with names")
}

// argument is the value of SQLite that a JSON value stands for.
func argument(arg any) (any, error) {
	switch v := arg.(type) {
	case nil, string:
		return v, nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n, nil
		}
		if !strings.ContainsAny(string(v), ".eE") {
			return nil, fmt.Errorf("the integer %.40s has no place in 64 bits", string(v))
		}
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return nil, fmt.Errorf("the number %.40s has no place in 64 bits", string(v))
		}
		return f, nil
	case map[string]any:
		if text, ok := v["base64"].(string); ok && len(v) == 1 {
			raw, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return nil, fmt.Errorf("base64: %w", err)
			}
			return raw, nil
		}
	}
	return nil, fmt.Errorf(`a value is null, a number, a text, true, false, or {"base64": …} for bytes`)
}

// appendValue writes a value of SQLite as JSON. A real number has a point or an exponent.
func appendValue(out []byte, value any) []byte {
	switch v := value.(type) {
	case int64:
		return strconv.AppendInt(out, v, 10)
	case float64:
		return appendReal(out, v)
	case string:
		if utf8.ValidString(v) {
			return appendText(out, v)
		}
		return appendBytes(append(out, `{"text_base64":"`...), []byte(v))
	case []byte:
		return appendBytes(append(out, `{"base64":"`...), v)
	}
	return append(out, "null"...)
}

func appendReal(out []byte, v float64) []byte {
	if math.IsInf(v, 0) {
		return append(append(append(out, `{"real":"`...), strconv.FormatFloat(v, 'g', -1, 64)...), `"}`...)
	}
	n := len(out)
	out = strconv.AppendFloat(out, v, 'g', -1, 64)
	if !bytes.ContainsAny(out[n:], ".e") {
		out = append(out, ".0"...)
	}
	return out
}

func appendBytes(out, raw []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(out, raw), `"}`...)
}

func appendText(out []byte, text string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a text always has a form
	return append(out, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// appendNames writes the names of columns.
func appendNames(out []byte, names []string) []byte {
	out = append(out, '[')
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendText(out, name)
	}
	return append(out, ']')
}

// row is what a prepared statement has for its present row.
type row interface {
	Value(i int) any
	Size(i int) int
}

// appendRow writes a row; false if that would take more than limit bytes.
func appendRow(out []byte, r row, columns, limit int) ([]byte, bool) {
	out = append(out, '[')
	for i := range columns {
		if len(out)+r.Size(i) > limit {
			return out, false
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = appendValue(out, r.Value(i))
	}
	out = append(out, ']')
	return out, len(out) <= limit
}
