package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/pontoon-raft/pontoon/internal/ownership"
	"github.com/pontoon-raft/pontoon/internal/regular"
)

// Bounds of a file of tokens.
const (
	fileVersion  = 1
	maxFileBytes = 4 << 20
	maxTokens    = 10_000
)

// tokenFile is the content of a file of tokens.
type tokenFile struct {
	Version int     `json:"version"`
	Tokens  []Token `json:"tokens"`
	// byID are the tokens as they were read, in the form in which requests find them.
	byID map[string]known
}

// ReadTokens reads a file of tokens. It refuses a file that others than its owner
// and group can read or change, or that belongs to another user than this process's or root:
// the hashes give no token away, but write access to the file is enough to make tokens.
func ReadTokens(path string) ([]Token, error) {
	f, _, err := readTokenFile(path)
	return f.Tokens, err
}

// readTokenFile is ReadTokens with the file's own state, by which a change shows.
func readTokenFile(path string) (tokenFile, fs.FileInfo, error) {
	if err := ownership.CheckDir(path); err != nil {
		return tokenFile{}, nil, err
	}
	f, info, err := regular.Open(path)
	if err != nil {
		return tokenFile{}, nil, err
	}
	defer f.Close()
	if err := ownership.CheckSecret(path, info); err != nil {
		return tokenFile{}, info, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return tokenFile{}, info, fmt.Errorf("read %s: %w", path, err)
	}
	tokens, err := parseTokenFile(text)
	if err != nil {
		return tokenFile{}, info, fmt.Errorf("%s: %w", path, err)
	}
	return tokens, info, nil
}

func parseTokenFile(text []byte) (tokenFile, error) {
	if len(text) > maxFileBytes {
		return tokenFile{}, fmt.Errorf("a file of tokens has at most %d bytes", maxFileBytes)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f tokenFile
	if err := d.Decode(&f); err != nil {
		return tokenFile{}, fmt.Errorf("not a file of tokens: %w; make one with host token create", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return tokenFile{}, errors.New("something follows the tokens")
	}
	if f.Version != fileVersion {
		return tokenFile{}, fmt.Errorf("version %d of the file is not known; this host knows version %d", f.Version, fileVersion)
	}
	if len(f.Tokens) > maxTokens {
		return tokenFile{}, fmt.Errorf("%d tokens; at most %d are taken", len(f.Tokens), maxTokens)
	}
	var err error
	if f.byID, err = decodeAll(f.Tokens); err != nil {
		return tokenFile{}, err
	}
	return f, nil
}

// decodeAll checks the tokens of a file.
func decodeAll(tokens []Token) (map[string]known, error) {
	all := make(map[string]known, len(tokens))
	for i, t := range tokens {
		k, err := t.decode()
		if err != nil {
			return nil, fmt.Errorf("token %d: %w", i+1, err)
		}
		if _, twice := all[t.ID]; twice {
			return nil, fmt.Errorf("token %d: id %s is there twice", i+1, t.ID)
		}
		all[t.ID] = k
	}
	return all, nil
}
