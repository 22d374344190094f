package main

import (
	"slices"
	"strings"
)

// A sqlScan takes SQL apart, a line at a time: into words in capitals, single characters, and "'" for a
// text or a quoted name. Comments are left out.
type sqlScan struct {
	see  func(token string)
	open byte // the last character of the text, the name or the comment that is open
}

func (s *sqlScan) line(line string) {
	for line != "" {
		if s.open != 0 {
			if line = s.close(line); line == "" {
				return
			}
		}
		line = s.token(line)
	}
}

// close goes to the end of what is open.
func (s *sqlScan) close(line string) string {
	end := string(s.open)
	if s.open == '/' {
		end = "*/"
	}
	_, rest, found := strings.Cut(line, end)
	if found {
		s.open = 0
	}
	return rest
}

func (s *sqlScan) token(line string) string {
	if line == "" {
		return ""
	}
	switch c := line[0]; {
	case strings.HasPrefix(line, "--"):
		return ""
	case strings.HasPrefix(line, "/*"):
		s.open = '/'
		return line[2:]
	case c == '\'', c == '"', c == '`', c == '[':
		s.see("'")
		s.open = c
		if c == '[' {
			s.open = ']'
		}
	case inSQLWord(c):
		n := 1
		for n < len(line) && inSQLWord(line[n]) {
			n++
		}
		s.see(strings.ToUpper(line[:n]))
		return line[n:]
	case !strings.ContainsRune(" \t\r\f\n\ufeff", rune(c)):
		s.see(line[:1])
	}
	return line[1:]
}

func inSQLWord(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// A sqlInput gathers the lines of a statement. Those of a trigger end with END and a semicolon.
type sqlInput struct {
	scan  sqlScan
	text  strings.Builder
	start []string // the first words of the statement under way
	last  [2]string
	some  bool // there is more than comments and semicolons
	ended bool // a semicolon was the last token
}

func newSQLInput() *sqlInput {
	in := &sqlInput{}
	in.scan.see = in.see
	return in
}

func (in *sqlInput) see(token string) {
	in.ended = token == ";" && (!isSQLTrigger(in.start) || in.last == [2]string{";", "END"})
	in.some = in.some || token != ";"
	in.last = [2]string{in.last[1], token}
	switch {
	case in.ended:
		in.start, in.last = nil, [2]string{}
	case len(in.start) < 3:
		in.start = append(in.start, token)
	}
}

func isSQLTrigger(start []string) bool {
	i := slices.Index(start, "TRIGGER")
	return i > 0 && start[0] == "CREATE" && (i == 1 || start[1] == "TEMP" || start[1] == "TEMPORARY")
}

// prompt asks a person for the next line.
func (in *sqlInput) prompt() string {
	if in.text.Len() == 0 {
		return "sql> "
	}
	return "...> "
}

// add adds a line, and tells whether the statement ends with it, or nothing is there.
func (in *sqlInput) add(line string) bool {
	in.text.WriteString(line + "\n")
	in.scan.line(line)
	return in.scan.open == 0 && (in.ended || !in.some)
}

// isSQLQuery tells a query from a command by its first word, and after WITH by the word after the
// tables in parentheses.
func isSQLQuery(statement string) bool {
	if strings.HasPrefix(statement, ".") {
		return true
	}
	first, before, query, depth := "", "", false, 0
	scan := sqlScan{see: func(token string) {
		switch {
		case first == "":
			first = token
			query = slices.Contains([]string{"SELECT", "WITH", "VALUES", "EXPLAIN", "PRAGMA"}, token)
		case token == "(":
			depth++
		case token == ")":
			depth--
		case first == "WITH" && before == ")" && depth == 0 && slices.Contains([]string{"INSERT", "REPLACE", "UPDATE", "DELETE"}, token):
			query = false
		}
		before = token
	}}
	for line := range strings.SplitSeq(statement, "\n") {
		scan.line(line)
	}
	return query
}
