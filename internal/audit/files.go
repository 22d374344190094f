package audit

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The names in the directory of a log. Those of files sort by their numbers.
const (
	filePrefix = "audit-"
	fileSuffix = ".jsonl"
	fileDigits = 10
	tempName   = "audit.new"
	lockName   = "LOCK"
)

// FileName is the name of a log's file of that number.
func FileName(number uint64) string {
	return fmt.Sprintf("%s%0*d%s", filePrefix, fileDigits, number, fileSuffix)
}

// fileNumber is the number in a file's name; 0 for other names.
func fileNumber(name string) uint64 {
	digits := strings.TrimSuffix(strings.TrimPrefix(name, filePrefix), fileSuffix)
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || FileName(n) != name {
		return 0
	}
	return n
}

// numbersOf are the numbers of the files among names, in order.
func numbersOf(names []string) []uint64 {
	var all []uint64
	for _, name := range names {
		if n := fileNumber(name); n > 0 {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

// numbersIn are the numbers of the files in a directory, in order.
func numbersIn(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return numbersOf(names), nil
}

// Files are those of the log in a directory, in their order.
func Files(dir string) ([]Source, error) {
	numbers, err := numbersIn(dir)
	if err != nil {
		return nil, err
	}
	var all []Source
	for _, n := range numbers {
		all = append(all, File(filepath.Join(dir, FileName(n))))
	}
	return all, nil
}

// File is the one at path.
func File(path string) Source {
	return Source{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}
