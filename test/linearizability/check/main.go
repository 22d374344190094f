// Command check judges histories again that a run of the test has left:
//
//	go run ./check [-draw FILE.html] FILE
//
// It exits with 1 if a history has violations or pauses that no fault excuses, and 2 if it cannot be read.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
	"github.com/pontoon-raft/pontoon/test/linearizability/judge"
)

func main() {
	draw := flag.String("draw", "", "draw the first key that is not linearizable into this HTML file")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: check [-draw FILE.html] FILE")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	violations, err := run(flag.Arg(0), *draw)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if violations > 0 {
		os.Exit(1)
	}
}

func run(path, draw string) (violations int, err error) {
	file, err := history.Open(path)
	if err != nil {
		return 0, err
	}
	verdict := judge.Check(file.Operations)
	fmt.Print(file.Report(), "\n", verdict)
	if draw != "" && verdict.Count() > 0 {
		err = judge.Draw(file.Operations, verdict, draw)
	}
	return verdict.Count() + len(file.Unexcused()), err
}
