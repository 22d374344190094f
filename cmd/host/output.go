package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// The formats of data on standard output.
const (
	formatTable = "table"
	formatJSON  = "json"
)

// format is the value of --output.
type format string

// Set implements pflag.Value.
func (f *format) Set(s string) error {
	if s != formatTable && s != formatJSON {
		return fmt.Errorf("use %s or %s", formatTable, formatJSON)
	}
	*f = format(s)
	return nil
}

// String implements pflag.Value.
func (f *format) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *format) Type() string { return formatTable + "|" + formatJSON }

// addOutput gives a command the flag --output.
func addOutput(cmd *cobra.Command) *format {
	f := format(formatTable)
	cmd.Flags().VarP(&f, "output", "o", "format of the data on standard output")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{formatTable, formatJSON}, cobra.ShellCompDirectiveNoFileComp))
	return &f
}

// print writes data in the format: v as JSON, or what table writes.
func (f *format) print(w io.Writer, v any, table func(io.Writer) error) error {
	if *f == formatJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	return table(w)
}

// row writes one row of a table. Cells never break it.
func row(w io.Writer, cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(fmt.Sprint(c))
	}
	fmt.Fprintln(w, strings.Join(texts, "\t"))
}

// table aligns the rows that fill writes.
func table(w io.Writer, fill func(io.Writer)) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fill(tw)
	return tw.Flush()
}

// orDash is text for a cell that must not be empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// readable is bytes as text for a cell: as they are if they are printable, and
// quoted if not.
func readable(b []byte) string {
	if !utf8.Valid(b) || strings.ContainsFunc(string(b), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Sprintf("%q", b)
	}
	return string(b)
}
