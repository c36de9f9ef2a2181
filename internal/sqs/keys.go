package sqs

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"sync"
	"time"
)

// Keys are the access keys of a file of credentials as Amazon's own tools read it:
// profiles in brackets, each with aws_access_key_id, aws_secret_access_key and, for
// a temporary key, aws_session_token. A file that was replaced is read again.
// (AWS, SDKs and tools reference guide, "Shared config and credentials files").
type Keys struct {
	path string

	mu   sync.Mutex
	read time.Time
	all  map[string]Key
}

// OpenKeys returns the keys of a file; none with "".
func OpenKeys(path string) (*Keys, error) {
	k := &Keys{path: path}
	if path == "" {
		return k, nil
	}
	return k, k.load()
}

// ErrKey says that there is no access key of a name.
var ErrKey = errors.New("there is no access key of that name: expected a profile of the file that the setting sqs-credentials names")

// usualKey is the profile that is meant where none is named.
const usualKey = "default"

// keysFor is how long what was read is used.
const keysFor = 10 * time.Second

// Key returns the key of a name; "" for the profile default.
func (k *Keys) Key(name string) (Key, error) {
	if name == "" {
		name = usualKey
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.path != "" && time.Since(k.read) > keysFor {
		if err := k.load(); err != nil && k.all == nil { // a file that is being replaced leaves the keys as they were
			return Key{}, err
		}
	}
	if key, known := k.all[name]; known {
		return key, nil
	}
	return Key{}, ErrKey
}

func (k *Keys) load() error {
	text, err := os.ReadFile(k.path)
	if err != nil {
		return errors.New("the file of the setting sqs-credentials cannot be read")
	}
	k.read, k.all = time.Now(), readKeys(string(text))
	return nil
}

// readKeys reads profiles, and leaves out those that are not complete.
func readKeys(text string) map[string]Key {
	all, profile := map[string]Key{}, ""
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if name, ok := strings.CutPrefix(line, "["); ok {
			profile = strings.TrimSpace(strings.TrimSuffix(name, "]"))
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		key := all[profile]
		switch value = strings.TrimSpace(value); strings.ToLower(strings.TrimSpace(name)) {
		case "aws_access_key_id":
			key.ID = value
		case "aws_secret_access_key":
			key.Secret = value
		case "aws_session_token":
			key.Token = value
		}
		all[profile] = key
	}
	for name, key := range all {
		if key.ID == "" || key.Secret == "" {
			delete(all, name)
		}
	}
	return all
}
