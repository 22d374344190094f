package man

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
)

func tree() *cobra.Command {
	root := &cobra.Command{Use: "pontoon", Short: "A host"}
	kv := &cobra.Command{Use: "kv", Short: "Keys and values"}
	put := &cobra.Command{
		Use: "put KEY [VALUE]", Short: "Write a key", Run: func(*cobra.Command, []string) {},
		Long:    "put writes it.\n\nIt says \\n of a line,\n.and two keys:\n\n  a\n\n  .b\n\nNo more.",
		Example: "  pontoon kv put a -",
	}
	put.Flags().StringP("output", "o", "table", "the `form` of it")
	put.Flags().Bool("quiet", false, "say nothing")
	put.Flags().Bool("secret", false, "hidden")
	_ = put.Flags().MarkHidden("secret")
	kv.AddCommand(put)
	root.AddCommand(kv)
	return root
}

// A page says what the help of its command says, and no text of it steers a formatter.
func TestAPageOfACommand(t *testing.T) {
	dir := t.TempDir()
	if err := Write(tree(), dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "pontoon-kv-put.1"))
	if err != nil {
		t.Fatal(err)
	}
	want := `.TH PONTOON\-KV\-PUT 1 "" "pontoon" "Commands"
.SH NAME
pontoon\-kv\-put \- Write a key
.SH SYNOPSIS
.B pontoon kv put KEY [VALUE] [flags]
.SH DESCRIPTION
put writes it.
.PP
It says \en of a line,
\&.and two keys:
.PP
.PP
.nf
.RS
a

\&.b

.RE
.fi
.PP
No more.
.SH OPTIONS
.TP
.B \-o, \-\-output form
the form of it (default table)
.TP
.B \-\-quiet
say nothing
.SH EXAMPLES
.PP
.nf
.RS
pontoon kv put a \-
.RE
.fi
.SH SEE ALSO
\fBpontoon\-kv\fR(1)
`
	if string(got) != want {
		t.Errorf("the page is\n%s\nwant\n%s", got, want)
	}
}

// Each command has a page, and the page of a group names those below it.
func TestEveryCommandHasAPage(t *testing.T) {
	dir := t.TempDir()
	if err := Write(tree(), dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pontoon.1", "pontoon-kv.1", "pontoon-kv-put.1"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if err := Write(tree(), filepath.Join(dir, "missing")); err == nil {
		t.Error("pages were written into a directory that is missing")
	}
}
