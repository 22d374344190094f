package main

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// nameInTexts is the program's name in all texts of this code and in the documents.
const nameInTexts = "host"

// goRun is the command line of this program when it is run from its source.
const goRun = "go run ./cmd/" + nameInTexts

// newProgram is the command that a user has called by arg0, the first word of the command
// line. The program may be installed under another name, since "host" is another program
// in some systems: help, hints and examples then have that name. They begin with the
// word that was typed, so that they work where they are pasted.
func newProgram(arg0 string) *cobra.Command {
	root := newRoot()
	root.Use = filepath.Base(arg0)
	typed := arg0
	if builtByGoRun(arg0) {
		root.Use, typed = nameInTexts, goRun
	}
	if strings.ContainsAny(typed, " '\"\\$") && typed != goRun {
		typed = "'" + strings.ReplaceAll(typed, "'", `'\''`) + "'"
	}
	if typed != root.Use {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: typed}
	}
	rename(root)
	return root
}

// builtByGoRun tells whether "go run" has built the program: into a folder of its own that it
// removes afterwards, or into one of its cache.
func builtByGoRun(arg0 string) bool {
	folder := filepath.Base(filepath.Dir(arg0))
	return folder == "exe" && strings.Contains(arg0, "go-build") || regexp.MustCompile(`^[0-9a-f]{64}-d$`).MatchString(folder)
}

// rename puts the name of the root into the texts of a command and of those below it.
func rename(cmd *cobra.Command) {
	cmd.Example, cmd.Long = asCalled(cmd.Root(), cmd.Example), asCalled(cmd.Root(), cmd.Long)
	for _, below := range cmd.Commands() {
		rename(below)
	}
}

// asCalled is text with the name of root in each mention of a command: of "host status",
// and not of the host.
func asCalled(root *cobra.Command, text string) string {
	name := root.CommandPath()
	if name == nameInTexts {
		return text
	}
	var below []string
	for _, c := range root.Commands() {
		below = append(below, regexp.QuoteMeta(c.Name()))
	}
	mention := regexp.MustCompile(`(^|[^\w./-])` + nameInTexts + ` (--|(` + strings.Join(below, "|") + `)\b)`)
	return mention.ReplaceAllStringFunc(text, func(found string) string {
		before, after, _ := strings.Cut(found, nameInTexts+" ")
		return before + name + " " + after
	})
}
