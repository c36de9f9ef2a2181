package operator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"nems/internal/nhs"
	"nems/internal/spine"
)

// systemFile is one system of a file: a registration, whose keys may lie in
// files beside it.
type systemFile struct {
	spine.Registration
	// KeyFiles are files with public keys: JWK sets, JWKs, or PEM blocks with
	// public keys or certificates. Paths start from the folder of the file.
	KeyFiles []string `json:"keyFiles"`
}

// ReadSystems reads a file of systems, in YAML or JSON: one, a list, or a list
// under the member systems. folder is where its keyFiles start from. Members
// have the names of spine.Registration's JSON. The error says where it is wrong.
func ReadSystems(data []byte, folder string) ([]spine.Registration, error) {
	list, err := readList[systemFile](data, "systems")
	if err != nil {
		return nil, err
	}
	seen := map[nhs.ASID]bool{}
	systems := make([]spine.Registration, len(list))
	for i, s := range list {
		if s.Keys, err = s.keys(folder); err == nil {
			err = s.Validate()
		}
		if err == nil && seen[s.ASID] {
			err = errors.New("is in the file twice")
		}
		if err != nil {
			return nil, fmt.Errorf("system %d (%s): %w", i+1, s.ASID, err)
		}
		seen[s.ASID] = true
		systems[i] = s.Registration
	}
	return systems, nil
}

// keys reads the key files; keys in the file itself and in files exclude each
// other.
func (s systemFile) keys(folder string) (spine.Keys, error) {
	if len(s.KeyFiles) == 0 {
		return s.Keys, nil
	}
	if !s.Keys.IsZero() {
		return spine.Keys{}, errors.New("give either keys or keyFiles")
	}
	var all []spine.Keys
	for _, name := range s.KeyFiles {
		if !filepath.IsAbs(name) {
			name = filepath.Join(folder, name)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return spine.Keys{}, err
		}
		keys, err := spine.ParseKeys(data)
		if err != nil {
			return spine.Keys{}, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, keys)
	}
	return joinKeys(all)
}

// joinKeys makes one JWK set of several.
func joinKeys(all []spine.Keys) (spine.Keys, error) {
	type jwks struct {
		Keys []json.RawMessage `json:"keys"`
	}
	var joined jwks
	for _, keys := range all {
		text, err := json.Marshal(keys)
		if err != nil {
			return spine.Keys{}, err
		}
		var set jwks
		if err := json.Unmarshal(text, &set); err != nil {
			return spine.Keys{}, err
		}
		joined.Keys = append(joined.Keys, set.Keys...)
	}
	text, err := json.Marshal(joined)
	if err != nil {
		return spine.Keys{}, err
	}
	return spine.ParseKeys(text)
}

// ReadMailboxes reads a file of mailboxes, in YAML or JSON: one, a list, or a
// list under the member mailboxes.
func ReadMailboxes(data []byte) ([]Mailbox, error) {
	boxes, err := readList[Mailbox](data, "mailboxes")
	if err != nil {
		return nil, err
	}
	for i, box := range boxes {
		if member, why := box.wrong(); why != nil {
			return nil, fmt.Errorf("mailbox %d (%s): %s: %w", i+1, box.ID, member, why)
		}
	}
	return boxes, nil
}

// readList reads one value, a list, or a list under a member. Unknown members
// are refused: a slip of the pen would take or give a right unnoticed.
func readList[T any](data []byte, member string) ([]T, error) {
	var tree any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		// The place alone: the lines around it may hold passwords.
		return nil, errors.New(yaml.FormatError(err, false, false))
	}
	if object, ok := tree.(map[string]any); ok {
		tree = []any{object}
		if list, wrapped := object[member]; wrapped && len(object) == 1 {
			tree = list
		}
	}
	items, ok := tree.([]any)
	if !ok || len(items) == 0 {
		return nil, fmt.Errorf("expected one of the %s or a list of them", member)
	}
	out := make([]T, len(items))
	for i, item := range items {
		if err := readItem(item, &out[i]); err != nil {
			return nil, fmt.Errorf("%s: entry %d: %w", member, i+1, err)
		}
	}
	return out, nil
}

func readItem(item, into any) error {
	text, err := json.Marshal(item)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err = d.Decode(into)
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	member := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
	if wrong.Value == "number" {
		return fmt.Errorf("%s: put the value in quotes", member)
	}
	return fmt.Errorf("%s: expected another kind of value than %s", member, wrong.Value)
}
