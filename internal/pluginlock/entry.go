package pluginlock

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/memberform"
	"github.com/pontoon-raft/pontoon/plugins"
)

// The bounds of an entry.
const (
	maxFileBytes = 1 << 30
	maxArguments = 64
	maxArgument  = 4 << 10
	// prefixDigits is how many digits of its sum a file's folder is named by.
	prefixDigits = 16
	// leastDigits is how many digits of a sum name a version.
	leastDigits = 8
)

// An Entry is one version of a plugin.
type Entry struct {
	Kind    string `yaml:"kind" json:"kind"`
	Name    string `yaml:"name" json:"name"`
	Version string `yaml:"version" json:"version"`
	SHA256  string `yaml:"sha256" json:"sha256"`
	Size    int64  `yaml:"size" json:"size"`
	// Added is when it came into the catalog.
	Added time.Time `yaml:"added" json:"added"`
	// Path is that of the file below the catalog, with slashes.
	Path string `yaml:"path" json:"path"`
	// Arguments are what the executable is started with.
	Arguments []string `yaml:"arguments" json:"arguments"`
	// Pinned: this is the version that a configuration means.
	Pinned bool `yaml:"pinned" json:"pinned"`
}

// String names the version.
func (e *Entry) String() string { return e.Kind + " " + e.Name + " " + e.Version }

var (
	versionForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$`)
	extensionForm = regexp.MustCompile(`^\.[A-Za-z0-9]{1,8}$`)
)

// check says what is wrong with an entry.
func (e *Entry) check() error {
	if err := checkPlugin(e.Kind, e.Name); err != nil {
		return err
	}
	if !versionForm.MatchString(e.Version) {
		return fmt.Errorf("%q is not a version that names a folder: use up to 64 letters, digits, dots, dashes, plus signs and underscores", e.Version)
	}
	if sum, err := hex.DecodeString(e.SHA256); err != nil || len(sum) != 32 || e.SHA256 != strings.ToLower(e.SHA256) {
		return fmt.Errorf("sha256 %q is not 64 hex digits in lower case", e.SHA256)
	}
	if e.Size < 1 || e.Size > maxFileBytes {
		return fmt.Errorf("its size is %d bytes, and 1 to %d are taken", e.Size, maxFileBytes)
	}
	if name := path.Base(e.Path); e.Path != path.Join(e.folder(), name) || name != e.Name+e.extension() {
		return fmt.Errorf("path %q is not where the catalog has it, %s", e.Path, path.Join(e.folder(), e.Name))
	}
	return checkArguments(e.Arguments)
}

// checkPlugin checks the two names that a plugin has.
func checkPlugin(kind, name string) error {
	if !slices.Contains(plugins.Kinds(), plugins.Kind(kind)) {
		return fmt.Errorf("%q is not a kind of plugin", kind)
	}
	return memberform.CheckName(name)
}

func checkArguments(arguments []string) error {
	if len(arguments) > maxArguments {
		return fmt.Errorf("%d arguments, and at most %d are taken", len(arguments), maxArguments)
	}
	for _, a := range arguments {
		if len(a) > maxArgument || strings.ContainsRune(a, 0) {
			return errors.New("an argument has a NUL byte, or is too long")
		}
	}
	return nil
}

// folder is where the file of the entry lies.
func (e *Entry) folder() string {
	return path.Join(e.Kind, e.Name, e.Version, e.SHA256[:prefixDigits])
}

// extension is that of the file, which some systems need in order to execute it.
func (e *Entry) extension() string { return extensionOf(path.Base(e.Path), e.Name) }

// extensionOf is what follows the name of a plugin in that of its file.
func extensionOf(file, name string) string {
	if ext := filepath.Ext(file); ext != filepath.Ext(name) && extensionForm.MatchString(ext) {
		return ext
	}
	return ""
}

// Is tells whether which names this version: by its version, or by the first digits of its
// sum.
func (e *Entry) Is(which string) bool {
	return e.Version == which || len(which) >= leastDigits && strings.HasPrefix(e.SHA256, strings.ToLower(which))
}
