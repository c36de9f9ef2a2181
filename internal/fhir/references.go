package fhir

import (
	"bytes"
	"strings"
	"sync"
)

// References resolves the references of a Bundle as STU3 says
// (http://hl7.org/fhir/STU3/bundle.html#references): an absolute reference is
// the fullUrl of an entry; TYPE/ID is relative to the base of its own entry's
// fullUrl; #ID is contained in the same resource. A look-up costs the length of
// the reference, however many entries there are.
type References struct {
	entries []Entry
	places  map[place]int32

	once      sync.Once // guards contained, which few messages need
	contained map[place]Node

	versionsOnce sync.Once // guards versions, for the same reason
	versions     []string
}

// Entry is one entry of a Bundle.
type Entry struct {
	At       Node
	Resource Node
	FullURL  string
	Repeated bool // an earlier entry has the same fullUrl
	// SameVersion says that an earlier entry has the same fullUrl and the same
	// version of the resource (or both have no version), which breaks bdl-7.
	SameVersion bool
	// base is the scope of fullUrls with the same base, where the fullUrl has
	// the form BASE/TYPE/ID; otherwise it is scopeURL.
	base int32
}

// ID returns the id of the resource according to the fullUrl: the UUID of
// urn:uuid:, or the ID of BASE/TYPE/ID; "" where the fullUrl has another form.
func (e Entry) ID() string {
	if id, ok := strings.CutPrefix(e.FullURL, "urn:uuid:"); ok {
		return id
	}
	if e.base < 0 {
		return ""
	}
	return e.FullURL[strings.LastIndexByte(e.FullURL, '/')+1:]
}

// version returns the version of the entry's resource, "" for none. It searches
// the resource.
func (e *Entry) version() string { return e.Resource.At("meta", "versionId").Value() }

// Target is where a reference leads: a resource of the Bundle, and the entry
// that it is or is contained in. Resource is absent where the reference leads
// nowhere.
type Target struct {
	Entry    int
	Resource Node
}

// Found reports whether the reference leads to a resource of the Bundle.
func (t Target) Found() bool { return t.Resource.Exists() }

// place is a text within a scope: a fullUrl, a base, or a relative reference
// below a base. A base is identified by the number of the first entry that has
// it. In the map of contained resources the scope is the number of the entry.
type place struct {
	scope int32
	text  string
}

const (
	scopeURL  = -1
	scopeBase = -2
)

// References returns the entries of the Bundle and where references lead. It is
// computed at the first call. A document that is not a Bundle has no entries.
func (d *Document) References() *References {
	d.once.Do(func() { d.references = newReferences(d.Root()) })
	return d.references
}

func newReferences(bundle Node) *References {
	r := &References{places: make(map[place]int32, 16)}
	if !bundle.is("Bundle") {
		return r
	}
	r.entries = make([]Entry, 0, bundle.Count("entry"))
	for at := range bundle.ChildrenNamed("entry") {
		e := Entry{At: at, Resource: at.Child("resource").Resource(), FullURL: at.Child("fullUrl").Value(), base: scopeURL}
		r.add(e, int32(len(r.entries))) //nolint:gosec // a document has fewer elements
	}
	for i := range r.entries {
		if e := &r.entries[i]; e.Repeated {
			e.SameVersion = r.version(int(r.places[place{scopeURL, e.FullURL}])) == r.version(i)
		}
	}
	return r
}

// add indexes an entry by its fullUrl. Of several entries with the same one,
// the first is found.
func (r *References) add(e Entry, number int32) {
	if e.FullURL != "" {
		e.Repeated = r.file(place{scopeURL, e.FullURL}, number) != number
	}
	if base, rest := splitRESTful(e.FullURL); base > 0 {
		e.base = r.file(place{scopeBase, e.FullURL[:base]}, number)
		r.file(place{e.base, e.FullURL[rest:]}, number)
	}
	r.entries = append(r.entries, e)
}

// file returns the number of the entry at a place, after giving a free place to this entry.
func (r *References) file(p place, number int32) int32 {
	if first, taken := r.places[p]; taken {
		return first
	}
	r.places[p] = number
	return number
}

// splitRESTful splits a URL into BASE and TYPE/ID: it returns where BASE ends
// and TYPE starts, or 0 if the URL has another form.
func splitRESTful(url string) (base, rest int) {
	scheme := strings.Index(url, "://")
	if scheme < 0 {
		return 0, 0
	}
	id := strings.LastIndexByte(url, '/')
	base = strings.LastIndexByte(url[:id], '/')
	if id == len(url)-1 || base < scheme+len("://") || !IsResource(url[base+1:id]) {
		return 0, 0
	}
	return base, base + 1
}

// Entries returns the entries in their order. The caller must not change it.
func (r *References) Entries() []Entry { return r.entries }

// Resolve follows a reference that occurs in the entry with that number (from 0).
func (r *References) Resolve(entry int, reference []byte) Target {
	if len(reference) == 0 || entry < 0 || entry >= len(r.entries) {
		return Target{}
	}
	if reference[0] == '#' {
		return r.inside(entry, reference[1:])
	}
	if t := r.at(scopeURL, reference); t.Found() {
		return t
	}
	resource, version, versioned := bytes.Cut(reference, historyPart)
	t := r.find(entry, resource)
	if versioned && t.Found() && r.version(t.Entry) != string(version) {
		return Target{}
	}
	return t
}

// version returns the version of an entry's resource. All versions are looked
// up when the first one is needed, because many references may lead to one
// large resource.
func (r *References) version(entry int) string {
	r.versionsOnce.Do(func() {
		r.versions = make([]string, len(r.entries))
		for i := range r.entries {
			r.versions[i] = r.entries[i].version()
		}
	})
	return r.versions[entry]
}

var historyPart = []byte("/_history/")

// find looks for a reference without a version.
func (r *References) find(entry int, reference []byte) Target {
	scope := int32(scopeURL)
	if !isAbsolute(reference) {
		scope = r.entries[entry].base
	}
	return r.at(scope, reference)
}

func (r *References) at(scope int32, text []byte) Target {
	number, ok := r.places[place{scope, string(text)}]
	if !ok {
		return Target{}
	}
	return Target{int(number), r.entries[number].Resource}
}

// inside finds a contained resource; # alone means the containing resource.
func (r *References) inside(entry int, id []byte) Target {
	if len(id) == 0 {
		return Target{entry, r.entries[entry].Resource}
	}
	r.once.Do(r.indexContained)
	return Target{entry, r.contained[place{int32(entry), string(id)}]} //nolint:gosec // a document has fewer elements
}

func (r *References) indexContained() {
	r.contained = map[place]Node{}
	for i := range r.entries {
		for c := range r.entries[i].Resource.ChildrenNamed("contained") {
			p := place{int32(i), c.Resource().Child("id").Value()} //nolint:gosec // as above
			if _, taken := r.contained[p]; !taken {
				r.contained[p] = c.Resource()
			}
		}
	}
}

// ClaimsInside reports whether a reference says that its target is in the
// Bundle: #ID, a relative reference, or a urn:, which is no address anywhere
// else.
func ClaimsInside(reference []byte) bool {
	if len(reference) == 0 {
		return false
	}
	return !isAbsolute(reference) || hasPrefixFold(reference, "urn:uuid:") || hasPrefixFold(reference, "urn:oid:")
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && bytes.EqualFold(b[:len(prefix)], []byte(prefix))
}

// isAbsolute reports whether a URI starts with a scheme (RFC 3986).
func isAbsolute(uri []byte) bool {
	for i, c := range uri {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return i > 0 && c == ':'
		}
	}
	return false
}
