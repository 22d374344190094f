package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/membercert"
)

// errBadCertificate is the verdict of cert show, already printed.
var errBadCertificate = errors.New("a certificate cannot be used")

// shownCert is one certificate in the JSON of cert show.
type shownCert struct {
	Cluster   string    `json:"cluster,omitempty"`
	Member    string    `json:"member,omitempty"`
	Authority bool      `json:"authority"`
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Hosts     []string  `json:"hosts"`
	Problem   string    `json:"problem,omitempty"`
}

func newCertShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Show whom certificates are for and until when",
		Long: `show prints the certificates of a PEM file: whom each is for, and when it is
valid. What members would refuse in itself, such as a certificate that is not
valid now or names no member, is shown as its problem, and the exit code is 4.`,
		Example: `  host cert show certs/n1.crt`,
		Args:    args(cobra.ExactArgs(1)),
	}
	out := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		text, err := os.ReadFile(given[0])
		if err != nil {
			return err
		}
		certificates, err := membercert.Certificates(text)
		if err != nil {
			return fmt.Errorf("%s: %w", given[0], err)
		}
		all := []shownCert{}
		sound := true
		for _, c := range certificates {
			s := show(c, time.Now())
			all, sound = append(all, s), sound && s.Problem == ""
		}
		err = out.print(cmd.OutOrStdout(), map[string]any{"certificates": all}, func(w io.Writer) error {
			return table(w, func(w io.Writer) { certRows(w, all) })
		})
		if err != nil || sound {
			return err
		}
		return errBadCertificate
	}
	return cmd
}

func show(c *x509.Certificate, now time.Time) shownCert {
	s := shownCert{
		Authority: c.IsCA, Subject: c.Subject.String(), Issuer: c.Issuer.String(),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, Hosts: membercert.Hosts(c),
	}
	name, err := membercert.Of(c)
	switch {
	case now.After(c.NotAfter):
		s.Problem = "expired"
	case now.Before(c.NotBefore):
		s.Problem = "not valid yet"
	case err != nil && !c.IsCA:
		s.Problem = err.Error()
	}
	if err == nil {
		s.Cluster, s.Member = strconv.FormatUint(name.Cluster, 16), strconv.FormatUint(name.Member, 16)
	}
	return s
}

func certRows(w io.Writer, all []shownCert) {
	row(w, "CLUSTER", "MEMBER", "VALID FROM", "VALID UNTIL", "HOSTS", "ISSUER", "PROBLEM")
	for _, c := range all {
		member := orDash(c.Member)
		if c.Authority {
			member = "authority"
		}
		row(w, orDash(c.Cluster), member, c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339),
			list(c.Hosts), c.Issuer, orDash(c.Problem))
	}
}
