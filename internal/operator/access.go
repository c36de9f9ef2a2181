package operator

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// accessFile lies in the data folder while the service runs. Whoever can read
// it can operate the service, as whoever can read the database could anyway.
const accessFile = "operator.json"

// Access is where a running service takes operators' requests, and the secret
// that it wants to see.
type Access struct {
	URL   string `json:"url"` // "" while the service does not run
	Token string `json:"token"`
	// Shared tells that the service keeps its data in a database of several
	// nodes: what is in the folder is not it, whether the service runs or not.
	Shared bool `json:"shared,omitempty"`
}

// NewToken makes a secret.
func NewToken() string { return rand.Text() }

// WriteAccess leaves the access in the data folder, readable for the owner
// only.
func WriteAccess(data string, a Access) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	// Written aside and renamed: a command that looks meanwhile sees all or nothing.
	path := filepath.Join(data, accessFile)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// EndAccess takes it away when the service ends, but for the note that its
// data is elsewhere; a missing one is no error.
func EndAccess(data string, shared bool) error {
	if shared {
		return WriteAccess(data, Access{Shared: true})
	}
	err := os.Remove(filepath.Join(data, accessFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// ReadAccess reads what the service of a data folder has left there.
func ReadAccess(data string) (Access, error) {
	path := filepath.Join(data, accessFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return Access{}, err
	}
	var a Access
	if err := json.Unmarshal(text, &a); err != nil {
		return Access{}, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}
