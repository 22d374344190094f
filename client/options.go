package client

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/defaults"
)

// Options is what a Client is made of. A zero value means the default.
type Options struct {
	// Endpoints are client addresses of members, host:port or https://host:port; at
	// least one. The client learns the others from the cluster.
	Endpoints []string
	// TLS encrypts the connections to all members; none if nil, unless an endpoint
	// begins with https://, which then is trusted if the system's authorities are.
	// TLSFiles makes it of files.
	TLS *tls.Config
	// DialTimeout bounds one attempt to connect; 2 s by default.
	DialTimeout time.Duration
	// RequestTimeout bounds one call, retries included; 10 s by default. The
	// context of a call can only shorten it.
	RequestTimeout time.Duration
	// AnyMember stays with the first member that answers. By default a client
	// looks for the leader, which saves a hop and a forwarding; any member
	// takes any request.
	AnyMember bool
	// MaxAnswerBytes is the largest answer that is accepted; 64 MiB by
	// default. The outcome of a proposal with a larger one is unknown.
	MaxAnswerBytes int
	// Token is what the client shows to prove its name, where members ask for that.
	// TokenFile is a file that holds it and nothing else, which is read again when it
	// changes: the way to replace a token without a stop. At most one of the two.
	Token, TokenFile string
	// InsecureToken sends the token over connections without TLS from beyond the
	// loopback interface, too, where others can read it. The hosts must accept that
	// (api.access.insecure_tokens).
	InsecureToken bool
	// Logger gets connects and disconnects, at the debug level; none if nil.
	Logger *slog.Logger

	token *tokenSource // nil without a token
}

// Timings that no caller needs to turn.
const (
	// leaderCheck is how often a client asks who leads, and how long it waits for
	// the answer: a member that stands still is left within two of them.
	leaderCheck = time.Second
	// moveGap is the least time between two looks.
	moveGap = 50 * time.Millisecond
	// Retries wait backoffMin, doubling to backoffMax, give or take a
	// quarter.
	backoffMin = 10 * time.Millisecond
	backoffMax = 500 * time.Millisecond
	// A silent connection is probed after pingAfter and given up after
	// pingTimeout more.
	pingAfter   = 10 * time.Second
	pingTimeout = 3 * time.Second
)

func (o Options) withDefaults() (Options, error) {
	if len(o.Endpoints) == 0 {
		return o, errors.New("client: no endpoints")
	}
	if err := o.secure(); err != nil {
		return o, err
	}
	for _, e := range o.Endpoints {
		_, port, err := net.SplitHostPort(e)
		if err != nil {
			return o, fmt.Errorf("client: endpoint %q is not host:port: %w", e, err)
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return o, fmt.Errorf("client: endpoint %q has no port number", e)
		}
	}
	if o.Token != "" && o.TokenFile != "" {
		return o, errors.New("client: both Token and TokenFile are given")
	}
	if strings.ContainsAny(o.Token, " \t\r\n") {
		return o, errors.New("client: Token holds a space or a line end")
	}
	if o.Token != "" || o.TokenFile != "" {
		o.token = &tokenSource{file: o.TokenFile, text: o.Token}
	}
	o.Endpoints = slices.Compact(slices.Clone(o.Endpoints))
	defaults.Or(&o.DialTimeout, 2*time.Second)
	defaults.Or(&o.RequestTimeout, 10*time.Second)
	defaults.Or(&o.MaxAnswerBytes, 64<<20)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return o, nil
}
