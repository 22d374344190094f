package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
)

// maxInput bounds what is read from standard input or a file: no host takes a larger
// proposal.
const maxInput = 64 << 20

// readData returns the bytes of an argument, or of standard input if the
// argument is missing or a dash.
func readData(cmd *cobra.Command, given []string) ([]byte, error) {
	if len(given) == 1 && given[0] != "-" {
		return []byte(given[0]), nil
	}
	return readInput(cmd.InOrStdin(), "standard input")
}

// readInput reads an input to its end, which what names for people.
func readInput(from io.Reader, what string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	if len(data) > maxInput {
		return nil, fmt.Errorf("%s is larger than %d bytes", what, maxInput)
	}
	return data, nil
}

// readFile reads a small file.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readInput(f, path)
}

// textOf is bytes for JSON: as text if they are text, in base64 if not. One of
// the two is empty.
func textOf(b []byte) (text, encoded string) {
	if utf8.Valid(b) {
		return string(b), ""
	}
	return "", base64.StdEncoding.EncodeToString(b)
}

// writeData writes bytes as they are; people on a terminal get a line end.
func writeData(w io.Writer, b []byte) error {
	if len(b) > 0 && b[len(b)-1] != '\n' && onTerminal(w) {
		b = append(b[:len(b):len(b)], '\n')
	}
	_, err := w.Write(b)
	return err
}

// errRefused: the state machine applied the proposal and said no.
var errRefused = errors.New("the state machine refused it")

// resultError is what a proposal's result says against it.
func resultError(r client.Result) error {
	switch {
	case r.Lost && r.Error != "":
		return errors.New(r.Error)
	case r.Error != "":
		return fmt.Errorf("%w: %s", errRefused, r.Error)
	case r.Lost:
		return errors.New("it was applied, but its result was lost when the state machine was restarted")
	}
	return nil
}

// A rawAnswer is the JSON of propose and query.
type rawAnswer struct {
	Index  uint64 `json:"index"`
	Data   string `json:"data"`
	Base64 string `json:"data_base64,omitempty"`
	Error  string `json:"error,omitempty"`
	Lost   bool   `json:"result_lost,omitempty"`
}

func newPropose() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "propose [DATA|-]",
		Short: "Replicate raw bytes and print the state machine's answer",
		Long: `propose hands bytes to whatever state machine the cluster runs: those of the
argument, or of standard input. The answer is printed as it is.`,
		Example: `  host propose "add 5"
  host propose - < command.bin > answer.bin`,
		Args:    args(cobra.MaximumNArgs(1)),
		GroupID: groupData,
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		data, err := readData(cmd, given)
		if err != nil {
			return err
		}
		return flags.with(cmd, func(c *client.Client) error {
			r, err := c.Propose(cmd.Context(), data)
			if err != nil {
				return err
			}
			shown := rawAnswer{Index: r.Index, Error: r.Error, Lost: r.Lost}
			shown.Data, shown.Base64 = textOf(r.Data)
			err = out.print(cmd, shown, func(w io.Writer) error { return writeData(w, r.Data) })
			return errors.Join(err, resultError(r))
		})
	}
	return cmd
}

func newQuery() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "query [DATA|-]",
		Short: "Ask the state machine with raw bytes and print its answer",
		Example: `  host query total
  host query --stale --endpoints 127.0.0.1:7402 total`,
		Args:    args(cobra.MaximumNArgs(1)),
		GroupID: groupData,
	}
	flags, out, stale := addCluster(cmd), addOutput(cmd), addConsistency(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		data, err := readData(cmd, given)
		if err != nil {
			return err
		}
		return flags.with(cmd, func(c *client.Client) error {
			a, err := c.Query(cmd.Context(), data, level(*stale))
			if err != nil {
				return err
			}
			shown := rawAnswer{Index: a.Index}
			shown.Data, shown.Base64 = textOf(a.Data)
			return out.print(cmd, shown, func(w io.Writer) error { return writeData(w, a.Data) })
		})
	}
	return cmd
}
