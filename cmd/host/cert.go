package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/hostconfig"
	"github.com/pontoon-raft/pontoon/membercert"
)

// certRequest is what cert init is asked for.
type certRequest struct {
	dir     string
	config  string // a host's file
	cluster string
	members map[string]string // ids by name
	hosts   []string
	valid   time.Duration
	// clients and servers are the names of clients, and of certificates for the
	// client and the admin port.
	clients, servers []string
}

func newCertInit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init --dir DIR [--config FILE | --cluster ID --members NAME=ID,...] [--server NAME] [--client NAME]",
		Short: "Make an authority and certificates of members and clients, for trying out",
		Long: `init makes certificates for TLS between members, and between clients and hosts.
Cluster and members are those of a host's file, or are given by flags. For each
NAME it writes NAME.crt and NAME.key into the directory.

A certificate of --server is for api.tls and admin.tls of all hosts that clients
reach under one of --hosts; with --config, the hosts of all client addresses are
among them. Where one of --server or --client is given, --config makes none for
members. The certificate of a --client has the client's name.

The authority that signs them is ca.crt and ca.key. If the directory has them
already, they are used again: so members are added, and so a certificate is
renewed after its old files were moved away. Other files are never overwritten.

The authority's key lies in the directory without a password: this is for
trying things out, and not for keeping strangers from a cluster.`,
		Example: `  host cert init --dir certs --config configs/tls3/t1.yaml
  host cert init --dir certs --cluster a3 --members n1=1,n2=2,n3=3
  host cert init --dir certs --server api --hosts 127.0.0.1,localhost --client app`,
		Args: args(cobra.NoArgs),
	}
	out := addOutput(cmd)
	var r certRequest
	cmd.Flags().StringVar(&r.dir, "dir", "", "`directory` to write to; made if it is missing")
	cmd.Flags().StringVarP(&r.config, "config", "c", "", "a host's YAML `file` that names cluster and members")
	cmd.Flags().StringVar(&r.cluster, "cluster", "", "the cluster's `id`, in hex")
	cmd.Flags().StringToStringVar(&r.members, "members", nil, "names and ids, in hex, of the members (`name=id,...`)")
	cmd.Flags().StringSliceVar(&r.hosts, "hosts", nil, "DNS names and IP addresses for all certificates; members don't need them (`host,...`)")
	cmd.Flags().StringSliceVar(&r.servers, "server", nil, "make a certificate for the client and the admin port, in files of that `name`")
	cmd.Flags().StringSliceVar(&r.clients, "client", nil, "make a certificate for the client of that `name`")
	cmd.Flags().DurationVar(&r.valid, "valid", 365*24*time.Hour, "how long the certificates are valid; never longer than their authority, which has ten times that")
	_ = cmd.MarkFlagDirname("dir")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := r.check(); err != nil {
			return &usageError{cmd.CommandPath(), err.Error()}
		}
		wanted, err := r.wanted()
		if err != nil {
			return err
		}
		written, err := r.write(wanted)
		if err != nil {
			return err
		}
		return out.rows(cmd, map[string]any{"files": written}, func(w io.Writer) {
			row(w, "FILE", "OF")
			for _, f := range written {
				row(w, f.Path, f.Of)
			}
		})
	}
	return cmd
}

// check reports what is missing, or too much, on the command line.
func (r *certRequest) check() error {
	byFlags := r.cluster != "" || len(r.members) > 0
	others := len(r.clients)+len(r.servers) > 0
	switch {
	case r.dir == "":
		return errors.New("where to? give --dir")
	case r.valid <= 0:
		return fmt.Errorf("--valid %v: must be more than 0", r.valid)
	case r.config != "" && byFlags:
		return errors.New("give either --config, or --cluster and --members")
	case r.config == "" && !byFlags && others:
	case r.config == "" && (r.cluster == "" || len(r.members) == 0):
		return errors.New("for whom? give --config, or --cluster and --members, or --server, or --client")
	}
	if len(r.servers) > 0 && len(r.hosts) == 0 && r.config == "" {
		return errors.New("under which names and addresses do clients reach --server? give --hosts, or --config")
	}
	if r.config != "" {
		return nil
	}
	_, err := r.wanted()
	return err
}

// A wantedCert is one certificate to be made.
type wantedCert struct {
	file, of string
	issue    func(*membercert.Authority) (membercert.Pair, error)
}

// wanted are the certificates to make, each in files of its own.
func (r *certRequest) wanted() ([]wantedCert, error) {
	names, hosts, err := r.names()
	if err != nil {
		return nil, err
	}
	var all []wantedCert
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all = append(all, wantedCert{name, names[name].String(), func(a *membercert.Authority) (membercert.Pair, error) {
			return a.Issue(names[name], r.hosts, r.valid)
		}})
	}
	for _, name := range r.servers {
		all = append(all, wantedCert{name, "client port of " + strings.Join(hosts, ", "), func(a *membercert.Authority) (membercert.Pair, error) {
			return a.IssueServer(name, hosts, r.valid)
		}})
	}
	for _, name := range r.clients {
		all = append(all, wantedCert{name, membercert.ClientURI(name).String(), func(a *membercert.Authority) (membercert.Pair, error) {
			return a.IssueClient(name, r.valid)
		}})
	}
	return all, checkFiles(all)
}

// checkFiles keeps names from being paths, and two certificates from one file.
func checkFiles(all []wantedCert) error {
	seen := map[string]bool{}
	for _, w := range all {
		if err := checkFile(w.file); err != nil {
			return err
		}
		if seen[w.file] {
			return fmt.Errorf("%s is the name of two certificates: give each its own", w.file)
		}
		seen[w.file] = true
	}
	return nil
}

// names are the members to make certificates for, by file name, and the hosts of a
// certificate for a client port.
func (r *certRequest) names() (map[string]membercert.Name, []string, error) {
	hosts := slices.Clone(r.hosts)
	if r.config == "" {
		names, err := r.named()
		if err == nil {
			err = checkNames(names)
		}
		return names, hosts, err
	}
	c, _, err := hostconfig.Load(r.config, nil, os.Environ())
	if err != nil {
		return nil, nil, err
	}
	names := map[string]membercert.Name{}
	for _, m := range c.Host.Members {
		if len(r.servers)+len(r.clients) == 0 {
			names[m.Name] = membercert.Name{Cluster: c.Host.ClusterID, Member: m.ID}
		}
		if host, _, err := net.SplitHostPort(m.ClientAddress); err == nil && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return names, hosts, checkNames(names)
}

// named are those that flags name.
func (r *certRequest) named() (map[string]membercert.Name, error) {
	if len(r.members) == 0 {
		return nil, nil
	}
	cluster, err := parseID("--cluster", r.cluster)
	if err != nil {
		return nil, err
	}
	names := map[string]membercert.Name{}
	for name, id := range r.members {
		member, err := parseID("--members "+name, id)
		if err != nil {
			return nil, err
		}
		names[name] = membercert.Name{Cluster: cluster, Member: member}
	}
	return names, nil
}

// fileName is what a certificate's files may be called.
const fileName = `^[A-Za-z0-9][A-Za-z0-9._@-]*$`

// checkFile says whether a certificate's files may be called so.
func checkFile(name string) error {
	if !regexp.MustCompile(fileName).MatchString(name) || name == authorityName {
		return fmt.Errorf("%q: use letters, digits, dots, dashes and underscores, and not the name ca", name)
	}
	return nil
}

// checkNames keeps names from being paths, or two of the same member.
func checkNames(names map[string]membercert.Name) error {
	seen := map[membercert.Name]string{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := checkFile(name); err != nil {
			return fmt.Errorf("member %w", err)
		}
		if other, ok := seen[names[name]]; ok {
			return fmt.Errorf("members %s and %s have the same id", other, name)
		}
		seen[names[name]] = name
	}
	return nil
}

func parseID(what, text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 16, 64)
	if err != nil || id == 0 {
		return 0, fmt.Errorf("%s: %q is not an id in hex other than 0", what, text)
	}
	return id, nil
}
