package fhir

import (
	"slices"
	"strings"
	"sync"
)

// NameID is the number of an element name of STU3, so that names can be
// compared as numbers. Zero stands for every name that STU3 does not have.
// Numbers are the same in all documents of a process, and are never stored.
type NameID uint16

// NameID returns the number of the element's name.
func (n Node) NameID() NameID {
	if n.doc == nil {
		return 0
	}
	return NameID(n.record().name)
}

// NameIDs returns the numbers of the names that a name in a path means: its
// own, or those of a choice such as deceased[x]. It returns none where STU3 has
// no such name.
func NameIDs(name string) []NameID {
	start, choice := strings.CutSuffix(name, "[x]")
	if !choice {
		if id := nameNumbers()[name]; id != 0 {
			return []NameID{id}
		}
		return nil
	}
	var ids []NameID
	for known, id := range nameNumbers() {
		if rest, found := strings.CutPrefix(known, start); found && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// nameNumbers finds the number of a name.
var nameNumbers = sync.OnceValue(func() map[string]NameID {
	out := map[string]NameID{}
	for id, name := range facts().names {
		out[name] = NameID(id) //nolint:gosec // names are numbered in 16 bits
	}
	delete(out, "")
	return out
})

// EqualURL reports whether the element is an extension with exactly this url.
func (n Node) EqualURL(url string) bool { return n.isExtension() && n.attributeIs(url) }

func (n Node) isExtension() bool {
	return n.doc != nil && n.record().typ == typeExtension && n.record().value != 0
}

// URLBytes is URL without a copy: usually a part of the source, which the
// caller must not change.
func (n Node) URLBytes() []byte {
	if !n.isExtension() {
		return nil
	}
	return n.attribute()
}
