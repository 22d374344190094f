package main

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/membercert"
)

// errBadCertificate is the verdict of cert show, already printed.
var errBadCertificate = errors.New("a certificate cannot be used")

// shownCert is one certificate in the JSON of cert show.
type shownCert struct {
	Cluster   string    `json:"cluster,omitempty"`
	Member    string    `json:"member,omitempty"`
	Client    string    `json:"client,omitempty"`
	Authority bool      `json:"authority"`
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	DaysLeft  int       `json:"days_left"` // whole ones; below 0 when it has ended
	Hosts     []string  `json:"hosts"`
	SHA256    string    `json:"sha256"` // the fingerprint
	Problem   string    `json:"problem,omitempty"`
}

func newCertShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Show whom certificates are for and until when",
		Long: `show prints the certificates of a PEM file: whom each is for, and when it is
valid. The reason to refuse one in itself, such as that it is not valid now or has
no name, is shown as its problem, and the exit code is 4. A fingerprint is the
SHA-256 of the certificate, as openssl x509 -fingerprint -sha256 shows it.`,
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
		err = out.rows(cmd, map[string]any{"certificates": all}, func(w io.Writer) { certRows(w, all) })
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
		DaysLeft: int(math.Floor(c.NotAfter.Sub(now).Hours() / 24)), SHA256: fingerprint(c),
	}
	name, err := membercert.Of(c)
	if err != nil && !c.IsCA {
		if s.Client = clientOf(c); s.Client != "" || isServer(c) {
			err = nil
		}
	}
	switch {
	case now.After(c.NotAfter):
		s.Problem = "expired"
	case now.Before(c.NotBefore):
		s.Problem = "not valid yet"
	case err != nil && !c.IsCA:
		s.Problem = err.Error()
	}
	if name.Member != 0 {
		s.Cluster, s.Member = strconv.FormatUint(name.Cluster, 16), strconv.FormatUint(name.Member, 16)
	}
	return s
}

// clientOf is the client that a certificate is for; empty if for none.
func clientOf(c *x509.Certificate) string {
	if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return ""
	}
	name, err := membercert.ClientOf(c)
	if err != nil {
		return ""
	}
	return name
}

// isServer tells whether a certificate is for a client port.
func isServer(c *x509.Certificate) bool {
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && len(membercert.Hosts(c)) > 0
}

// fingerprint is the SHA-256 of a certificate, in pairs of digits.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// of says for people what a certificate is for.
func (c shownCert) of() string {
	switch {
	case c.Authority:
		return "authority"
	case c.Member != "":
		return "member " + c.Member + " of " + c.Cluster
	case c.Client != "":
		return "client " + c.Client
	case c.Problem == "":
		return "client port"
	}
	return "-"
}

func certRows(w io.Writer, all []shownCert) {
	row(w, "OF", "VALID FROM", "VALID UNTIL", "DAYS LEFT", "HOSTS", "ISSUER", "SHA256", "PROBLEM")
	for _, c := range all {
		row(w, c.of(), c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339), c.DaysLeft,
			list(c.Hosts), c.Issuer, c.SHA256, orDash(c.Problem))
	}
}
