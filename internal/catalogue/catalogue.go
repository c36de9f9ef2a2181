// Package catalogue holds the event types of the specification as data, and the
// code that checks messages against their rules.
//
// An event type is one YAML file in types/. requirements.yaml has what all of
// them share (page "Generic Event Message Requirements"). Files are compiled at
// start; types/README.md says how to write one.
package catalogue

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed requirements.yaml types/*.yaml profiles/*.yaml codesystems/*.tsv
var embedded embed.FS

// Catalogue is the set of event types that a NEMS knows. It never changes:
// WithLifeCycles returns a new one.
type Catalogue struct {
	types  []*EventType // ordered by code
	byName map[string]*EventType
}

var loadEmbedded = sync.OnceValues(func() (*Catalogue, error) { return load("") })

// Embedded returns the event types of the specification.
func Embedded() (*Catalogue, error) { return loadEmbedded() }

// Load returns the event types of the specification and those that an operator
// adds: every *.yaml file in extraDir, "" for none. A file with the code of a
// known type replaces that type. Errors name the file and the line.
func Load(extraDir string) (*Catalogue, error) {
	if extraDir == "" {
		return Embedded()
	}
	return load(extraDir)
}

func load(extraDir string) (*Catalogue, error) {
	shared, err := readRequirements(embedded, "requirements.yaml")
	if err != nil {
		return nil, err
	}
	if shared.codes, err = readCodeSystems(embedded, "codesystems"); err != nil {
		return nil, err
	}
	if err := shared.readProfiles(embedded, "profiles"); err != nil {
		return nil, err
	}
	c := &Catalogue{byName: map[string]*EventType{}}
	if err := c.add(embedded, "types", "", shared); err != nil {
		return nil, err
	}
	if extraDir != "" {
		if err := c.add(os.DirFS(extraDir), ".", extraDir, shared); err != nil {
			return nil, err
		}
	}
	return c, c.index()
}

// add reads the type files of one folder. Errors call the folder by the name in shown.
func (c *Catalogue) add(files fs.FS, dir, shown string, shared *requirements) error {
	names, err := fs.Glob(files, path.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	if len(names) == 0 {
		if _, err := fs.Stat(files, dir); err != nil {
			return fmt.Errorf("event types: %w", err)
		}
	}
	for _, name := range names {
		src, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("event types: %w", err)
		}
		t, err := readType(path.Join(shown, name), src, shared)
		if err != nil {
			return err
		}
		c.types = slices.DeleteFunc(c.types, func(old *EventType) bool { return old.Code == t.Code })
		c.types = append(c.types, t)
	}
	return nil
}

// index sorts the types and indexes them by their names.
func (c *Catalogue) index() error {
	slices.SortFunc(c.types, func(a, b *EventType) int { return strings.Compare(a.Code, b.Code) })
	for _, t := range c.types {
		for _, name := range []string{t.Code, t.Interaction} {
			if other := c.byName[name]; name != "" && other != nil && other != t {
				return fmt.Errorf("event types %s and %s share the name %q", other.Code, t.Code, name)
			}
			c.byName[name] = t
		}
	}
	delete(c.byName, "")
	return nil
}

// Types returns all event types, ordered by code.
func (c *Catalogue) Types() []*EventType { return slices.Clone(c.types) }

// Type finds an event type by its code.
func (c *Catalogue) Type(code string) (*EventType, bool) {
	t, ok := c.byName[code]
	return t, ok && t.Code == code
}

// ByInteraction finds an event type by the name in an interaction id: its
// interaction name or its code (decision 8).
func (c *Catalogue) ByInteraction(name string) (*EventType, bool) {
	t, ok := c.byName[name]
	return t, ok
}

// WithLifeCycles returns a catalogue in which the named event types are in
// another state of their life cycle. Unknown codes are ignored. The rules are
// shared, so that this is cheap enough for every change.
func (c *Catalogue) WithLifeCycles(changed map[string]LifeCycle) *Catalogue {
	next := &Catalogue{types: slices.Clone(c.types), byName: maps.Clone(c.byName)}
	for i, t := range next.types {
		life, ok := changed[t.Code]
		if !ok {
			continue
		}
		copied := *t
		copied.LifeCycle = life
		next.types[i] = &copied
		next.byName[t.Code] = &copied
		if t.Interaction != "" {
			next.byName[t.Interaction] = &copied
		}
	}
	return next
}
