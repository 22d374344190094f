package main

import (
	"encoding/xml"
	"fmt"
	"os"

	"github.com/pontoon-raft/pontoon/internal/plugincheck"
)

// The elements of JUnit's XML that servers of continuous integration read.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Seconds  string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string     `xml:"classname,attr"`
		Name    string     `xml:"name,attr"`
		Seconds string     `xml:"time,attr"`
		Failure *junitText `xml:"failure"`
		Skipped *junitText `xml:"skipped"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes a report to a file as JUnit's XML.
func writeJUnit(path string, r *plugincheck.Report) error {
	suite := junitSuite{
		Name: fmt.Sprintf("%s %s", r.Kind, r.Name), Tests: len(r.Checks), Seconds: fmt.Sprintf("%.3f", r.Seconds),
		Failures: r.Count(plugincheck.Failed) + r.Count(plugincheck.Ended),
		Skipped:  r.Count(plugincheck.Skipped) + r.Count(plugincheck.Advised),
	}
	for _, c := range r.Checks {
		one := junitCase{Class: string(r.Kind) + "." + r.Name, Name: c.Name, Seconds: fmt.Sprintf("%.3f", c.Seconds)}
		text := &junitText{Message: plugincheck.Reason(c.Output), Text: printableLines(c.Output)}
		switch c.Outcome {
		case plugincheck.Failed, plugincheck.Ended:
			one.Failure = text
		case plugincheck.Skipped, plugincheck.Advised:
			one.Skipped = text
		}
		suite.Cases = append(suite.Cases, one)
	}
	text, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append([]byte(xml.Header), append(text, '\n')...), 0o644)
}
