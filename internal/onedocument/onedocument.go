// Package onedocument reads YAML texts that have one document: files and sections of
// which nothing may be passed over.
package onedocument

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// A SecondError says that a text goes on after its first document.
type SecondError struct {
	// Line is where the second document begins, counted from 1.
	Line int
}

func (e *SecondError) Error() string {
	return fmt.Sprintf("line %d: a second document begins, and more than one document is not read: "+
		"write all keys into the first and remove the second", e.Line)
}

// Decode reads the only document of text into what into points to. It returns false,
// and leaves that as it is, if text has no document. A key for which into has no field
// and a second document, which is a SecondError, are refused; after an error what into
// points to is not to be used.
func Decode(text []byte, into any) (found bool, err error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); errors.Is(err, io.EOF) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	var second yaml.Node
	switch err := d.Decode(&second); {
	case errors.Is(err, io.EOF):
		return true, nil
	case err != nil:
		return false, err
	}
	return false, &SecondError{second.Line}
}
