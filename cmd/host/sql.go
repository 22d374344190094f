package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
)

// formatCSV is a format of host sql alone.
const formatCSV = "csv"

func newSQL() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sql [STATEMENT|-]",
		Short: "Use the state machine sqlite: queries and commands in SQL",
		Long: `sql asks the state machine sqlite, or gives it a command. A statement that begins with
SELECT, WITH, VALUES, EXPLAIN or PRAGMA is a query, and its rows are shown as they come; all
of them are of one state. Any other one is a command, also one with INSERT, UPDATE or DELETE after
its WITH: it is replicated, and takes effect as a whole or not at all.

Without a statement the lines of standard input are statements, each up to its semicolon at
the end of a line; those of a trigger up to END; there. A statement that fails ends it, unless a person types.`,
		Example: `  host sql "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)"
  host sql "INSERT INTO users(name) VALUES('ada') RETURNING id"
  host sql --stale -o csv "SELECT * FROM users"
  host sql < schema.sql`,
		Args:    args(cobra.MaximumNArgs(1)),
		GroupID: groupData,
	}
	flags, stale := addCluster(cmd), addConsistency(cmd)
	out := formatTable
	cmd.Flags().StringVarP(&out, "output", "o", formatTable, "format of the rows: table, json (a line for each row) or csv")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if out != formatTable && out != formatJSON && out != formatCSV {
			return &usageError{cmd.CommandPath(), fmt.Sprintf("--output %s: use table, json or csv", out)}
		}
		return flags.with(cmd, func(c *client.Client) error {
			s := sqlShell{cmd: cmd, client: c, level: level(*stale), format: out}
			if len(given) == 1 && given[0] != "-" {
				return s.run(given[0])
			}
			return s.lines(cmd.InOrStdin())
		})
	}
	return cmd
}

// A sqlShell runs statements and shows their rows.
type sqlShell struct {
	cmd    *cobra.Command
	client *client.Client
	level  client.Consistency
	format string
}

// lines runs the statements of an input.
func (s sqlShell) lines(from io.Reader) error {
	person := onTerminal(s.cmd.OutOrStdout()) && inTerminal(from)
	scan := bufio.NewScanner(from)
	scan.Buffer(nil, maxInput)
	lines := make(chan string)
	ctx := s.cmd.Context()
	go func() { // a line that is waited for holds up no Ctrl-C
		defer close(lines)
		for scan.Scan() {
			select {
			case lines <- scan.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	in := newSQLInput()
	for {
		if person {
			fmt.Fprint(s.cmd.ErrOrStderr(), in.prompt())
		}
		var line string
		more := false
		select {
		case line, more = <-lines:
		case <-ctx.Done():
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !more && scan.Err() != nil:
			return fmt.Errorf("read standard input: %w", scan.Err())
		case !more:
			return s.rest(in, person)
		}
		ended := in.add(line)
		if in.text.Len() > maxInput {
			return fmt.Errorf("a statement is longer than %d bytes", maxInput)
		}
		if !ended && !strings.HasPrefix(in.text.String(), ".") {
			continue
		}
		if in.some {
			if err := s.answer(in.text.String(), person); err != nil {
				return err
			}
		}
		in = newSQLInput()
	}
}

// rest runs what the input ends with: it may lack its semicolon.
func (s sqlShell) rest(in *sqlInput, person bool) error {
	switch {
	case !in.some || person:
		return nil
	case in.scan.open != 0:
		return errors.New("standard input ends within a text, a name or a comment: its last statement is not run")
	}
	return s.answer(in.text.String(), person)
}

// answer runs a statement; a person hears of an error and goes on.
func (s sqlShell) answer(statement string, person bool) error {
	err := s.run(statement)
	if err != nil && person && s.cmd.Context().Err() == nil {
		report(s.cmd, err)
		return nil
	}
	return err
}

func (s sqlShell) run(statement string) error {
	if isSQLQuery(statement) {
		return s.query(statement)
	}
	return s.propose(statement)
}

// sqlResult is the result of a command.
type sqlResult struct {
	Changes int64               `json:"changes"`
	Columns []string            `json:"columns"`
	Rows    [][]json.RawMessage `json:"rows"`
}

func (s sqlShell) propose(statement string) error {
	r, err := s.client.Propose(s.cmd.Context(), []byte(statement))
	if err != nil {
		return err
	}
	if err := resultError(r); err != nil {
		return err
	}
	var result sqlResult
	if err := json.Unmarshal(r.Data, &result); err != nil {
		return fmt.Errorf("the state machine does not answer as sqlite does: %w", err)
	}
	if result.Columns == nil {
		if s.format == formatTable {
			fmt.Fprintf(s.cmd.ErrOrStderr(), "%d changes\n", result.Changes)
		}
		return nil
	}
	show := newSQLRows(s.cmd.OutOrStdout(), s.format, result.Columns)
	for _, row := range result.Rows {
		if err := show.row(row); err != nil {
			return err
		}
	}
	return show.end()
}

// query shows the lines of an answer as they come.
func (s sqlShell) query(statement string) error {
	if strings.HasPrefix(statement, ".") {
		a, err := s.client.Query(s.cmd.Context(), []byte(statement), s.level)
		if err != nil {
			return err
		}
		return writeData(s.cmd.OutOrStdout(), a.Data)
	}
	chunks, err := s.client.QueryStream(s.cmd.Context(), []byte(statement), s.level)
	if err != nil {
		return err
	}
	defer chunks.Close()
	in := bufio.NewReaderSize(&chunkReader{chunks: chunks}, 64<<10)
	var head struct {
		Columns []string `json:"columns"`
	}
	if err := readLine(in, &head); err != nil {
		return err
	}
	show := newSQLRows(s.cmd.OutOrStdout(), s.format, head.Columns)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return errors.Join(show.end(), fmt.Errorf("the answer is not whole: %w", err))
		}
		if bytes.HasPrefix(line, []byte("{")) {
			if _, err := in.ReadByte(); err != io.EOF { // the end comes with its checksum
				return errors.Join(show.end(), fmt.Errorf("the answer is not whole: %w", err))
			}
			return show.end()
		}
		var row []json.RawMessage
		if err := json.Unmarshal(line, &row); err != nil {
			return fmt.Errorf("a row of the answer: %w", err)
		}
		if err := show.row(row); err != nil {
			return err
		}
	}
}

func readLine(in *bufio.Reader, into any) error {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the answer is not whole: %w", err)
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("the state machine does not answer as sqlite does: %w", err)
	}
	return nil
}

// chunkReader reads an answer in chunks as one text.
type chunkReader struct {
	chunks *client.Chunks
	rest   []byte
}

func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		chunk, err := r.chunks.Next()
		if err != nil {
			return 0, err
		}
		r.rest = chunk
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
