//go:build linux

package hostile

import (
	"testing"
	"time"
)

// Each attack on a cluster without TLS between its members, which take writes
// through all ports meanwhile.
func TestAttacks(t *testing.T) {
	strikeAll(t, shape{transport: "http"}, []attack{
		{name: "proposals whose answers are not read, 100 streams", port: clients, long: 10 * time.Second, terms: 0, run: proposals(100, false)},
		{name: "flood of 20 streams, answers read", port: clients, long: 10 * time.Second, terms: 0, run: proposals(20, true)},
		{name: "flood of 100 streams, answers read", port: clients, long: 10 * time.Second, terms: 0, run: proposals(100, true)},
		{name: "rapid reset", port: clients, long: 8 * time.Second, terms: 0, run: rapidReset},
		{name: "CONTINUATION without end", port: clients, long: 5 * time.Second, terms: 0, run: continuations},
		{name: "PING", port: clients, long: 5 * time.Second, terms: 0, run: pings},
		{name: "SETTINGS", port: clients, long: 5 * time.Second, terms: 0, run: settings},
		{name: "frames that bring nothing", port: clients, long: 5 * time.Second, terms: 0, run: idleFrames},
		{name: "large headers, HTTP/2", port: clients, long: 5 * time.Second, terms: 0, run: largeHeaders},
		{name: "large headers, HTTP/1", port: everyPort, long: 5 * time.Second, terms: 0, run: largeWebHeaders},
		{name: "half introductions", port: clients, long: 10 * time.Second, terms: 0, run: halfHandshakes},
		{name: "20,000 health watches", port: clients, long: 10 * time.Second, terms: 0, run: healthWatches},
		{name: "slow bodies", port: clients, long: 10 * time.Second, terms: 0, run: slowBodies},
		{name: "unfinished bodies", port: clients, long: 10 * time.Second, terms: 0, run: unfinishedBodies},
		{name: "unfinished calls", port: clients, long: 10 * time.Second, terms: 0, run: unfinishedCalls},
		{name: "answers to queries that are not read", port: clients, long: 10 * time.Second, terms: 0, run: unreadAnswers},
		{name: "small answers to queries that are not read", port: clients, long: 10 * time.Second, terms: 0, run: smallUnreadAnswers},
		{name: "members with deceptive names", port: clients, long: 10 * time.Second, terms: 0, run: deceptiveMembers},
		{name: "DNS rebinding", port: everyPort, long: 3 * time.Second, terms: 0, run: rebinding},
		{name: "1,600 slow connections", port: administration, long: 10 * time.Second, terms: 0, run: slowAdmin},
		{name: "dear requests", port: administration, long: 5 * time.Second, terms: 0, run: scrapes},
		{name: "unfinished messages", port: members, long: 10 * time.Second, terms: 0, run: unfinishedPeerMessages},
		{name: "slow snapshots", port: members, long: 10 * time.Second, terms: 0, run: slowSnapshots},
		{name: "wrong greetings in a member's name", port: members, long: 3 * time.Second, terms: 0, run: wrongGreetings},
		{name: "wrong greetings in every member's name", port: members, long: 3 * time.Second, terms: 0, run: wrongGreetingsOfAll},
		{name: "strangers", port: members, long: 3 * time.Second, terms: 0, run: strangers},
		{name: "the term 2^63-1", port: members, long: 5 * time.Second, terms: 0, run: hugeTerms},
		{name: "the term 2^63-1, in every member's name", port: members, long: 5 * time.Second, terms: anyTerms, run: hugeTermsOfAll},
		{name: "forged commits", port: members, long: 5 * time.Second, terms: 0, run: forgedCommits},
		{name: "forged removals", port: members, long: 8 * time.Second, least: 3 * time.Second, terms: 1, run: forgedRemovals},
		{name: "each message with each field at its extremes", port: members, long: 5 * time.Minute, terms: anyTerms, run: lies},
	})
}

// The same port with mutual TLS: by those that have no certificate, one of the
// authority's for a stranger, or that of a member.
func TestAttacksOnTLS(t *testing.T) {
	strikeAll(t, shape{transport: "http", secured: true}, []attack{
		{name: "half handshakes", port: members, long: 10 * time.Second, terms: 0, run: halfTLS},
		{name: "a certificate for a stranger", port: members, long: 5 * time.Second, terms: 0, run: signedStrangers},
		{name: "the term 2^63-1 by a member's certificate", port: members, long: 5 * time.Second, terms: 0, run: hugeTerms},
		{name: "forged commits by a member's certificate", port: members, long: 5 * time.Second, terms: 0, run: forgedCommits},
		{name: "each message by a member's certificate", port: members, long: 5 * time.Minute, terms: anyTerms, run: lies},
	})
}

// The port of the transport quic, without TLS between the members.
func TestAttacksOnQUIC(t *testing.T) {
	strikeAll(t, shape{transport: "quic"}, []attack{
		{name: "datagrams of anything", port: members, long: 10 * time.Second, terms: 0, run: quicGarbage},
		{name: "first packets of connections", port: members, long: 10 * time.Second, terms: 0, run: quicInitials},
		{name: "lies in a member's name", port: members, long: 10 * time.Second, terms: anyTerms, run: quicLies},
		{name: "lies in every member's name", port: members, long: 10 * time.Second, terms: anyTerms, run: quicLiesOfAll},
		{name: "forged commits", port: members, long: 5 * time.Second, terms: anyTerms, run: quicCommits},
		{name: "callers that say nothing, or half a greeting", port: members, long: 10 * time.Second, terms: 0, run: quicSilent},
	})
}

// The same port with mutual TLS.
func TestAttacksOnQUICWithTLS(t *testing.T) {
	strikeAll(t, shape{transport: "quic", secured: true}, []attack{
		{name: "a certificate for a stranger", port: members, long: 5 * time.Second, terms: 0, run: quicStrangers},
		{name: "lies by a member's certificate", port: members, long: 10 * time.Second, terms: anyTerms, run: quicLies},
	})
}

// The client port with mutual TLS.
func TestAttacksOnClientsTLS(t *testing.T) {
	strikeAll(t, shape{transport: "http", clientTLS: true}, []attack{
		{name: "half handshakes of clients", port: clients, long: 10 * time.Second, terms: 0, run: halfClientTLS},
		{name: "plain text at a port with TLS", port: clients, long: 8 * time.Second, terms: 0, run: plainAtTLS},
		{name: "certificates of strangers", port: clients, long: 5 * time.Second, terms: 0, run: strangersOfClients},
	})
}

// Both ports for clients that show tokens.
func TestAttacksOnTokens(t *testing.T) {
	strikeAll(t, shape{transport: "http", tokens: true}, []attack{
		{name: "wrong tokens", port: everyPort, long: 10 * time.Second, terms: 0, run: wrongTokens},
	})
}

// strikeAll runs the attacks one after the other. After one that failed the next
// has a new cluster.
func strikeAll(t *testing.T, in shape, attacks []attack) {
	var c *cluster
	var all []figures
	for i := range attacks {
		t.Run(attacks[i].name, func(s *testing.T) {
			if c == nil {
				c = startCluster(lasting{s, t}, in)
				c.rows = t
			}
			f := figures{attack: &attacks[i]}
			defer func() {
				f.failed = s.Failed()
				all = append(all, f)
				if s.Failed() {
					c.failed(s)
					c = nil
				}
			}()
			attacks[i].judged(s, c, i, &f)
		})
	}
	report(t, all)
}
