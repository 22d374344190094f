package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
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
func (f *format) print(cmd *cobra.Command, v any, table func(io.Writer) error) error {
	w := cmd.OutOrStdout()
	if *f == formatJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	return table(w)
}

// line is print with a text.
func (f *format) line(cmd *cobra.Command, v any, text string, args ...any) error {
	return f.print(cmd, v, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, text, args...)
		return err
	})
}

// rows is print with a table that fill writes row by row.
func (f *format) rows(cmd *cobra.Command, v any, fill func(io.Writer)) error {
	return f.print(cmd, v, func(w io.Writer) error { return table(w, fill) })
}

// row writes one row of a table. Cells never break it.
func row(w io.Writer, cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = printable(strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(fmt.Sprint(c)))
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
func orDash(s string) string { return cmp.Or(s, "-") }

// printable is s with escapes in place of what could steer a terminal, or make a
// line look like another one: control characters, those that change the direction
// of text, and bytes that are not text.
func printable(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, steers) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case steers(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// printableLines is printable for a text of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// steers tells whether r is anything but a visible character or a space.
func steers(r rune) bool { return !unicode.IsPrint(r) }

// readable is bytes as text for a cell: as they are if they are printable, and
// quoted if not.
func readable(b []byte) string {
	if !utf8.Valid(b) || strings.ContainsFunc(string(b), steers) {
		return fmt.Sprintf("%q", b)
	}
	return string(b)
}
