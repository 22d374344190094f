package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// A token is tokenPrefix, the id, an underscore, the secret and a checksum of all
// before it, in lower-case hex: pontoon_<12>_<64><8>. The prefix and the checksum
// let scanners of source code and logs find a leaked one, and tell it from other
// text, without asking a host.
const (
	tokenPrefix = "pontoon_"
	idBytes     = 6
	secretBytes = 32
	saltBytes   = 16
	sumDigits   = 8
)

// errNotAToken: the text does not have a token's form, or a digit of it is wrong.
var errNotAToken = errors.New("it does not have the form of a token, or was cut short")

// A Token is what the file knows of one token: enough to know it again, and not
// enough to present it.
//
// Hash is SHA-256 over the salt and the secret. A slow hash, as for passwords,
// would bring nothing: those are slow because passwords can be guessed, and 32
// random bytes cannot, at any speed. It would cost every request, and a client
// that sends wrong tokens could make the host spend its time on them.
type Token struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
	Salt string `json:"salt"`
	Hash string `json:"hash"`
	// Created, Expires and Revoked are in UTC; the zero time means never.
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// newToken makes a token and the one text that proves it.
func newToken(name string, role Role, now, expires time.Time) (Token, string) {
	var id [idBytes]byte
	var secret [secretBytes]byte
	var salt [saltBytes]byte
	for _, b := range [][]byte{id[:], secret[:], salt[:]} {
		_, _ = rand.Read(b) // never fails: the process ends if the system has no randomness
	}
	t := Token{
		ID: hex.EncodeToString(id[:]), Name: name, Role: role.String(), Salt: hex.EncodeToString(salt[:]),
		Created: now.UTC().Truncate(time.Second), Expires: expires.UTC().Truncate(time.Second),
	}
	if expires.IsZero() {
		t.Expires = time.Time{}
	}
	hash := hashOf(salt[:], secret[:])
	t.Hash = hex.EncodeToString(hash[:])
	text := tokenPrefix + t.ID + "_" + hex.EncodeToString(secret[:])
	return t, text + sumOf(text)
}

func hashOf(salt, secret []byte) [sha256.Size]byte {
	return sha256.Sum256(append(append(make([]byte, 0, saltBytes+secretBytes), salt...), secret...))
}

func sumOf(text string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text))) }

// parseToken is the id and the secret of a token's text.
func parseToken(text string) (id string, secret []byte, err error) {
	const length = len(tokenPrefix) + 2*idBytes + 1 + 2*secretBytes + sumDigits
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(text) != length || strings.ToLower(text) != text {
		return "", nil, errNotAToken
	}
	id, rest, ok = strings.Cut(rest, "_")
	if !ok || len(id) != 2*idBytes || sumOf(text[:length-sumDigits]) != text[length-sumDigits:] {
		return "", nil, errNotAToken
	}
	if _, err := hex.DecodeString(id); err != nil {
		return "", nil, errNotAToken
	}
	secret, err = hex.DecodeString(rest[:2*secretBytes])
	if err != nil {
		return "", nil, errNotAToken
	}
	return id, secret, nil
}

// A known is a Token in the form in which requests are compared with it.
type known struct {
	Token
	role Role
	salt []byte
	hash []byte
}

// decode checks a token of the file.
func (t Token) decode() (known, error) {
	role, err := ParseRole(t.Role)
	if err != nil {
		return known{}, err
	}
	if id, err := hex.DecodeString(t.ID); err != nil || len(id) != idBytes {
		return known{}, fmt.Errorf("id %q is not %d hex digits", t.ID, 2*idBytes)
	}
	if err := memberform.CheckClientName(t.Name); err != nil {
		return known{}, fmt.Errorf("%w; change the name in the file: the token itself stays as it is", err)
	}
	salt, saltErr := hex.DecodeString(t.Salt)
	hash, hashErr := hex.DecodeString(t.Hash)
	if saltErr != nil || hashErr != nil || len(salt) < saltBytes || len(hash) != sha256.Size {
		return known{}, errors.New("salt or hash is damaged")
	}
	return known{t, role, salt, hash}, nil
}

// matches compares a secret in constant time.
func (k known) matches(secret []byte) bool {
	hash := hashOf(k.salt, secret)
	return subtle.ConstantTimeCompare(hash[:], k.hash) == 1
}

// ended says why the token is of no use at that time; "" if it is.
func (t Token) ended(now time.Time) string {
	switch {
	case !t.Revoked.IsZero() && !now.Before(t.Revoked):
		return "was revoked at " + t.Revoked.Format(time.RFC3339)
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return "expired at " + t.Expires.Format(time.RFC3339)
	}
	return ""
}

// State is what a list of tokens shows: valid, expired or revoked.
func (t Token) State(now time.Time) string {
	switch {
	case t.ended(now) == "":
		return "valid"
	case !t.Revoked.IsZero():
		return "revoked"
	}
	return "expired"
}
