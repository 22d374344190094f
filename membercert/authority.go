package membercert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"time"
)

// backdated is how far back certificates begin to be valid, so that a member
// whose clock is a little behind accepts a new one.
const backdated = time.Hour

// Pair is a certificate with its private key, both PEM.
type Pair struct{ Cert, Key []byte }

// Authority issues certificates for the members of clusters, for clients, and
// for the ports that clients use. It is meant for
// trying things out and for tests: its key lies in memory, and on disk where
// its user puts it, without a password.
type Authority struct {
	// Certificate is that of the authority itself.
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority that is valid from now on for so long.
func NewAuthority(commonName string, valid time.Duration) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the authority's key: %w", err)
	}
	template, err := template(commonName, valid)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	return &Authority{certificate, key}, nil
}

// ReadAuthority reads what Pair has written.
func ReadAuthority(p Pair) (*Authority, error) {
	certificates, err := Certificates(p.Cert)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(p.Key)
	if block == nil {
		return nil, fmt.Errorf("authority's key: %w", ErrNoPEM)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("authority's key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(certificates[0].PublicKey) {
		return nil, fmt.Errorf("authority's key: %w", ErrOtherKey)
	}
	return &Authority{certificates[0], key}, nil
}

// Pair is the authority in PEM.
func (a *Authority) Pair() (Pair, error) { return encode(a.Certificate.Raw, a.key) }

// Issue makes a certificate for a member. hosts are the DNS names and IP
// addresses that stand in it besides.
func (a *Authority) Issue(n Name, hosts []string, valid time.Duration) (Pair, error) {
	return a.Sign(n, hosts, valid, nil)
}

// Sign is Issue with a certificate that change has changed, which the tests of
// those who have to refuse it need.
func (a *Authority) Sign(n Name, hosts []string, valid time.Duration, change func(*x509.Certificate)) (Pair, error) {
	return a.issue(subject{
		commonName: "member " + n.String(), uri: n.URI(), hosts: hosts,
		usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, valid, change)
}

// A subject is whom a certificate is for, and what for.
type subject struct {
	commonName string
	uri        *url.URL // nil for none
	hosts      []string // DNS names and IP addresses
	usage      []x509.ExtKeyUsage
}

func (a *Authority) issue(s subject, valid time.Duration, change func(*x509.Certificate)) (Pair, error) {
	template, err := template(s.commonName, valid)
	if err != nil {
		return Pair{}, err
	}
	if a.Certificate.NotAfter.Before(template.NotAfter) {
		template.NotAfter = a.Certificate.NotAfter
	}
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, s.usage
	if s.uri != nil {
		template.URIs = append(template.URIs, s.uri)
	}
	for _, host := range s.hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if change != nil {
		change(template)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("make a key for %s: %w", s.commonName, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("make a certificate for %s: %w", s.commonName, err)
	}
	return encode(der, key)
}

func template(commonName string, valid time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: commonName},
		NotBefore:    now.Add(-backdated),
		NotAfter:     now.Add(valid),
	}, nil
}

func encode(der []byte, key *ecdsa.PrivateKey) (Pair, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encode a private key: %w", err)
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}),
	}, nil
}

// Hosts are the DNS names and IP addresses in a certificate.
func Hosts(c *x509.Certificate) []string {
	hosts := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	return hosts
}
