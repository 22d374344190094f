package plugincheck

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// An Outcome is how one check ended.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
	// Advised: the plugin does otherwise than a rule with SHOULD says.
	Advised Outcome = "advised"
	// Ended: the checking process ended, or hung, within this check.
	Ended Outcome = "ended"
)

// A Check is one test of a kit and how it ended.
type Check struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	// Seconds is how long it took; Output what it said, at most maxOutput bytes.
	Seconds float64 `json:"seconds"`
	Output  string  `json:"output,omitempty"`
	// Rules has each rule that its output names.
	Rules []Rule `json:"rules,omitempty"`
	// group tells that other checks are below it, which have their own outcomes.
	group bool
}

// maxOutput is how much of a check's output is kept.
const maxOutput = 16 << 10

// The lines by which package testing says what goes on; each begins with the byte 0x16.
var (
	testLine = regexp.MustCompile(`^\x16=== (RUN|PAUSE|CONT|NAME)\s+(\S*)$`)
	testEnd  = regexp.MustCompile(`^\x16--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+)s\)$`)
)

// A reader follows the output of the checking process.
type reader struct {
	checks  map[string]*Check
	order   []string
	current *Check // whose output comes
	// ended is told of each check at its end, so that a person sees progress.
	ended func(*Check)
}

// read reads until r ends and returns the opening, and all checks in the order in which they
// began.
func (r *reader) read(in io.Reader) (o opening, all []*Check, err error) {
	r.checks = map[string]*Check{}
	lines := bufio.NewReaderSize(in, maxOutput)
	line, err := nextLine(lines)
	if err != nil {
		return o, nil, err
	}
	if err := json.Unmarshal(line, &o); err != nil {
		return o, nil, err
	}
	for line, err = nextLine(lines); err == nil; line, err = nextLine(lines) {
		r.take(string(line))
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	for _, name := range r.order {
		c := r.checks[name]
		if c.Outcome == "" {
			c.Outcome = Ended
		}
		all = append(all, c)
	}
	return o, all, err
}

// nextLine is the next line without its end, and no more of it than fits the buffer. The
// process that writes would wait for ever if its output was not read on.
func nextLine(r *bufio.Reader) ([]byte, error) {
	line, more, err := r.ReadLine()
	if !more || err != nil {
		return line, err
	}
	line = bytes.Clone(line)
	for more && err == nil {
		_, more, err = r.ReadLine()
	}
	return line, err
}

func (r *reader) take(line string) {
	if m := testLine.FindStringSubmatch(line); m != nil {
		r.current = r.named(m[2])
		return
	}
	if m := testEnd.FindStringSubmatch(line); m != nil {
		r.end(r.named(m[2]), m[1], m[3])
		return
	}
	if r.current != nil && !strings.HasPrefix(line, "\x16") && len(r.current.Output) < maxOutput {
		r.current.Output += strings.TrimPrefix(line, "    ") + "\n"
	}
}

// named is the check of that name, which begins if there is none yet; nil without a name.
func (r *reader) named(name string) *Check {
	if name == "" {
		return nil
	}
	if c, found := r.checks[name]; found {
		return c
	}
	for above := parent(name); above != ""; above = parent(above) {
		if c, found := r.checks[above]; found { // a name may have slashes of its own
			c.group = true
			break
		}
	}
	c := &Check{Name: name}
	r.checks[name] = c
	r.order = append(r.order, name)
	return c
}

func (r *reader) end(c *Check, verdict, seconds string) {
	c.Seconds, _ = strconv.ParseFloat(seconds, 64)
	switch verdict {
	case "PASS":
		c.Outcome = Passed
	case "FAIL":
		c.Outcome = Failed
	case "SKIP":
		c.Outcome, c.Output = Skipped, inHints(c.Output)
		if strings.Contains(c.Output, "advice") {
			c.Outcome = Advised
		}
	}
	c.Rules = rulesIn(c.Output)
	if r.ended != nil {
		r.ended(c)
	}
}

// place begins the output of a test: the file and the line where it was said.
var place = regexp.MustCompile(`^[a-z0-9_]+\.go:[0-9]+: `)

// Reason is the first line of a check's output, without its place.
func Reason(output string) string {
	line, _, _ := strings.Cut(output, "\n")
	return place.ReplaceAllString(strings.TrimSpace(line), "")
}

// parent is the name of the check above another one; empty if there is none.
func parent(name string) string { return name[:max(strings.LastIndexByte(name, '/'), 0)] }
