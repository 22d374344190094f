package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// addTokensFile gives a command the flag --file, without which it does not run.
func addTokensFile(cmd *cobra.Command) *string {
	file := cmd.Flags().String("file", "", "the `file` of tokens: api.access.tokens_file of the hosts")
	_ = cmd.MarkFlagFilename("file", "json")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if *file == "" {
			return &usageError{cmd.CommandPath(), "which file? give --file"}
		}
		return nil
	}
	return file
}

// shownToken is one token in JSON.
type shownToken struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	State   string    `json:"state"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
	// Token is its text, which is shown when it is made and never again.
	Token string `json:"token,omitempty"`
}

func tokenShown(t access.Token, text string, now time.Time) shownToken {
	return shownToken{t.ID, t.Name, t.Role, t.State(now), t.Created, t.Expires, t.Revoked, text}
}

// sayToken tells people what was made, beside the token itself on standard output.
func sayToken(cmd *cobra.Command, t access.Token, file string) {
	until := "without an end"
	if !t.Expires.IsZero() {
		until = "valid until " + t.Expires.Format(time.RFC3339)
	}
	note(cmd, "token %s of %s, role %s, %s; %s has no more than its hash, so keep it now",
		t.ID, t.Name, t.Role, until, file)
}

// end is the time at which a token ends that lives for so long; zero for ever.
func end(now time.Time, life time.Duration) time.Time {
	if life == 0 {
		return time.Time{}
	}
	return now.Add(life)
}

func newTokenCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create --file FILE --name NAME --role ROLE",
		Short: "Make a token and print it: once, here, and never again",
		Long: `create adds a token to the file, which is made if it is missing, and prints it on
standard output. The file has a hash of it, so that reading the file is not enough
to use the token, nor to print it a second time. Hosts that use the file
accept the token within a second or two. Each member reads a file of its own:
copy it to all of them.`,
		Example: `  host token create --file tokens.json --name app --role write --expires 720h > app.token
  host token create --file tokens.json --name grafana --role read`,
		Args: args(cobra.NoArgs),
	}
	file, out := addTokensFile(cmd), addOutput(cmd)
	name := cmd.Flags().String("name", "", "the client's `name`, by which limits and the log know it")
	role := cmd.Flags().String("role", "", "what the client may do: read, write or administer")
	life := cmd.Flags().Duration("expires", 0, "how long the token is valid; for ever if it is not given")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := checkToken(*name, *role, *life)
		if err != nil {
			return &usageError{cmd.CommandPath(), err.Error()}
		}
		now := time.Now()
		t, text, err := access.CreateToken(*file, *name, r, end(now, *life), now)
		if err != nil {
			return err
		}
		sayToken(cmd, t, *file)
		return out.line(cmd, tokenShown(t, text, now), "%s\n", text)
	}
	return cmd
}

// checkToken reports what is missing on the command line of create.
func checkToken(name, role string, life time.Duration) (access.Role, error) {
	switch {
	case name == "" || role == "":
		return 0, errors.New("for whom? give --name and --role")
	case life < 0:
		return 0, fmt.Errorf("--expires %v: must be above 0", life)
	}
	r, err := access.ParseRole(role)
	if err != nil || r == access.None {
		return 0, fmt.Errorf("--role %s: use read, write or administer", role)
	}
	return r, memberform.CheckClientName(name)
}

func newTokenList() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list --file FILE",
		Short:   "List the tokens of a file, also those that ended in the last 30 days",
		Example: `  host token list --file tokens.json`,
		Args:    args(cobra.NoArgs),
	}
	file, out := addTokensFile(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := access.ReadTokens(*file)
		if err != nil {
			return err
		}
		now := time.Now()
		shown := []shownToken{}
		for _, t := range all {
			shown = append(shown, tokenShown(t, "", now))
		}
		return out.rows(cmd, map[string]any{"tokens": shown}, func(w io.Writer) { tokenRows(w, shown) })
	}
	return cmd
}

func tokenRows(w io.Writer, all []shownToken) {
	row(w, "ID", "NAME", "ROLE", "STATE", "CREATED", "EXPIRES")
	for _, t := range all {
		expires := "never"
		if !t.Expires.IsZero() {
			expires = t.Expires.Format(time.RFC3339)
		}
		row(w, t.ID, t.Name, t.Role, t.State, t.Created.Format(time.RFC3339), expires)
	}
}
