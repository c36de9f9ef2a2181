package catalogue

import (
	"bytes"
	"slices"
	"sort"
	"strings"

	"nems/internal/fhir"
)

// The official examples that break rules about references which are valid
// STU3, so that those only warn at Standard (design, decision 9).
const (
	bundledExample = "PDS-Change-Of-Address-ems-example.xml"
	fullURLExample = "PDS-Change-Of-GP-ems-example.xml"
)

const referencesPage = "http://hl7.org/fhir/STU3/bundle.html#references"

const urnUUID = "urn:uuid:"

func isURN(b []byte) bool { return len(b) > len(urnUUID) && string(b[:len(urnUUID)]) == urnUUID }

// indexURLs files the entries under their fullUrl and reports those that are
// there twice or have another form.
func (j *judge) indexURLs() {
	for i := range j.entries {
		if len(j.entries[i].fullURL) > 0 {
			j.byURL = append(j.byURL, int32(i))
		}
		j.fullURL(&j.entries[i])
	}
	slices.SortFunc(j.byURL, func(a, b int32) int {
		if c := bytes.Compare(j.entries[a].fullURL, j.entries[b].fullURL); c != 0 {
			return c
		}
		return int(a - b)
	})
	for i := 1; i < len(j.byURL); i++ {
		e := &j.entries[j.byURL[i]]
		if bytes.Equal(e.fullURL, j.entries[j.byURL[i-1]].fullURL) {
			j.report(finding{
				rule: "reference-repeated", source: referencesPage, code: "invalid", at: e.at.Child("fullUrl"),
				text: "each entry has a fullUrl of its own; received one that an earlier entry has",
			})
		}
	}
}

// fullURL: references find a resource by the fullUrl of its entry. The harness
// finds it by its id, so that the two have to agree at Strict.
func (j *judge) fullURL(e *entry) {
	switch {
	case len(e.fullURL) == 0 || uuid(e.fullURL):
		at := e.at.Child("fullUrl")
		if !at.Exists() {
			at = e.at
		}
		j.report(finding{
			rule: "reference-fullUrl", source: referencesPage, brokenBy: fullURLExample, code: "value", at: at,
			text: "the fullUrl of an entry is urn:uuid: and the id of its resource; received a bare UUID or none",
		})
	case j.strict && isURN(e.fullURL) && string(e.resource.Child("id").ValueBytes()) != string(e.fullURL[len(urnUUID):]):
		j.report(finding{
			rule: "reference-id", source: harnessSource, code: "value", at: e.resource,
			text: "the id of a resource is the UUID of its entry's fullUrl; received another or none",
		})
	}
}

// find gives the entry with that fullUrl, -1 when there is none.
func (j *judge) find(fullURL []byte) int {
	if len(fullURL) == 0 {
		return -1
	}
	i := sort.Search(len(j.byURL), func(i int) bool {
		return bytes.Compare(j.entries[j.byURL[i]].fullURL, fullURL) >= 0
	})
	if i < len(j.byURL) && bytes.Equal(j.entries[j.byURL[i]].fullURL, fullURL) {
		return int(j.byURL[i])
	}
	return -1
}

// reference holds a reference against the bundle and against the types that
// STU3 allows it at key, such as Immunization.practitioner.actor.
func (j *judge) reference(n fhir.Node, key []byte) {
	reference := n.Child("reference").ValueBytes()
	if !isURN(reference) {
		return
	}
	i := j.find(reference)
	if i < 0 {
		j.report(finding{
			rule: "reference-not-found", source: referencesPage, code: "not-found", at: n.Child("reference"),
			text: "a urn:uuid: reference leads to an entry of the message with that fullUrl; received one that leads nowhere. Add the resource or correct the reference",
		})
		return
	}
	allowed, known := j.rules.references[string(key)]
	if known && !slices.Contains(allowed, j.entries[i].name) && !slices.Contains(j.reported, n) {
		j.report(finding{
			rule: "reference-type", source: "http://hl7.org/fhir/STU3/" + strings.ToLower(string(key[:bytes.IndexByte(key, '.')])) + ".html",
			code: "invalid", at: n.Child("reference"),
			text: string(key) + " references a resource of the type " + strings.Join(allowed, " or ") + "; received a reference to " + j.entries[i].name,
		})
	}
}
