package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/access"
)

func newTokenRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke --file FILE ID|NAME",
		Short: "End a token now",
		Long: `revoke ends a token. Hosts that use the file refuse it within a second or two, and
end the streams that were begun with it. The name is enough if only one valid
token has it.`,
		Example: `  host token revoke --file tokens.json 3f29c1a0b7d4`,
		Args:    args(cobra.ExactArgs(1)),
	}
	file, out := addTokensFile(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		now := time.Now()
		t, err := access.RevokeToken(*file, given[0], now)
		if err != nil {
			return err
		}
		return out.line(cmd, tokenShown(t, "", now), "token %s of %s is revoked\n", t.ID, t.Name)
	}
	return cmd
}

// rotated is the JSON of token rotate.
type rotated struct {
	Old shownToken `json:"old"`
	New shownToken `json:"new"`
}

func newTokenRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate --file FILE ID|NAME",
		Short: "Make a token in the place of another one, which ends after --overlap",
		Long: `rotate prints a new token with the name and role of another one. Both are valid
for --overlap, in which the clients get the new one; then the old one ends. With
--overlap 0 it ends at once, as a token that may be known to others must.`,
		Example: `  host token rotate --file tokens.json app --overlap 24h > app.token`,
		Args:    args(cobra.ExactArgs(1)),
	}
	file, out := addTokensFile(cmd), addOutput(cmd)
	overlap := cmd.Flags().Duration("overlap", 24*time.Hour, "how long the old token stays valid")
	life := cmd.Flags().Duration("expires", 0, "how long the new token is valid; as long as the old one was if it is not given")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if *overlap < 0 || *life < 0 {
			return &usageError{cmd.CommandPath(), "--overlap and --expires must not be below 0"}
		}
		now := time.Now()
		r, err := access.RotateToken(*file, given[0], *overlap, end(now, *life), now)
		if err != nil {
			return err
		}
		sayToken(cmd, r.New, *file)
		note(cmd, "token %s ends at %s", r.Old.ID, r.Old.Expires.Format(time.RFC3339))
		shown := rotated{tokenShown(r.Old, "", now), tokenShown(r.New, r.Text, now)}
		return out.line(cmd, shown, "%s\n", r.Text)
	}
	return cmd
}
