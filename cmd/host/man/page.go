// Package man writes manual pages, as man(7) describes them, of a tree of commands. It
// stands here and not in a library, since those read Markdown by way: that would cost
// each process of a host and its plugins 214 KB and 0.3 ms when it starts.
package man

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Write writes a page of section 1 for cmd and each command below it into dir, called
// after the command's path: pontoon-kv-put.1. Files of these names are overwritten. Two
// calls for the same tree write the same bytes.
func Write(cmd *cobra.Command, dir string) error {
	for _, below := range cmd.Commands() {
		if !below.IsAvailableCommand() && below.Name() != "help" {
			continue
		}
		if err := Write(below, dir); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, name(cmd)+".1"), page(cmd), 0o644); err != nil {
		return fmt.Errorf("write a manual page: %w", err)
	}
	return nil
}

// name is what the page of cmd is called.
func name(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return cmd.Name()
	}
	return name(cmd.Parent()) + "-" + cmd.Name()
}

// page is the source of one page.
func page(cmd *cobra.Command) []byte {
	var b bytes.Buffer
	program := cmd.Root().Name()
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"%s\" \"%s\"\n", escaped(strings.ToUpper(name(cmd))), escaped(program), "Commands")
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", escaped(name(cmd)), escaped(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", escaped(program+strings.TrimPrefix(cmd.UseLine(), cmd.Root().CommandPath())))
	b.WriteString(".SH DESCRIPTION\n")
	text(&b, description(cmd))
	flags(&b, "OPTIONS", cmd.NonInheritedFlags())
	flags(&b, "OPTIONS OF ALL COMMANDS BELOW", cmd.InheritedFlags())
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		text(&b, cmd.Example)
	}
	related(&b, cmd)
	return b.Bytes()
}

func description(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

// text writes paragraphs. Lines that are indented stay as they are.
func text(b *bytes.Buffer, paragraphs string) {
	literal := false
	for line := range strings.Lines(paragraphs) {
		line = strings.TrimRight(line, "\n")
		if indented := strings.HasPrefix(line, "  "); indented != literal && line != "" {
			literal = indented
			b.WriteString(map[bool]string{true: ".PP\n.nf\n.RS\n", false: ".RE\n.fi\n.PP\n"}[literal])
		}
		switch {
		case line != "":
			b.WriteString(escaped(strings.TrimPrefix(line, "  ")) + "\n")
		case literal:
			b.WriteString("\n")
		default:
			b.WriteString(".PP\n")
		}
	}
	if literal {
		b.WriteString(".RE\n.fi\n")
	}
}

func flags(b *bytes.Buffer, title string, set *pflag.FlagSet) {
	if !set.HasAvailableFlags() {
		return
	}
	b.WriteString(".SH " + title + "\n")
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		head := "--" + f.Name
		if f.Shorthand != "" {
			head = "-" + f.Shorthand + ", " + head
		}
		if value != "" {
			head += " " + value
		}
		if unset := f.DefValue == "" || f.DefValue == "false" || f.DefValue == "[]"; !unset {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", escaped(head), escaped(usage))
	})
}

// related names the page above and those below.
func related(b *bytes.Buffer, cmd *cobra.Command) {
	var list []string
	if cmd.HasParent() {
		list = append(list, name(cmd.Parent()))
	}
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			list = append(list, name(below))
		}
	}
	for i := range list {
		list[i] = `\fB` + escaped(list[i]) + `\fR(1)`
	}
	if len(list) > 0 {
		b.WriteString(".SH SEE ALSO\n" + strings.Join(list, ",\n") + "\n")
	}
}

// escaped is a line that means itself to a formatter.
func escaped(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}
