package catalogue

import (
	"slices"
	"strings"

	"nems/internal/fhir"
)

// The official examples that break rules about references which are valid
// STU3, so that those only warn at Standard (decision 9).
const (
	bundledExample = "PDS-Change-Of-Address-ems-example.xml"
	fullURLExample = "PDS-Change-Of-GP-ems-example.xml"
)

// livePDS stands for an example in what the live demographics service sends, in
// the tests of those who receive it (nhsconnect/prm-repo-e2e-tests).
const livePDS = "live PDS"

const referencesPage = "http://hl7.org/fhir/STU3/bundle.html#references"

// fullURLs reports entries whose fullUrl has another form, or is that of
// another version of the resource. (One that is there twice breaks bdl-7, which
// fhir.ParseXML has said.)
func (j *judge) fullURLs() {
	for i := range j.entries {
		e := &j.entries[i]
		j.fullURL(e)
		if e.Repeated && !e.SameVersion {
			j.report(finding{
				rule: "reference-repeated", source: referencesPage, code: "invalid", at: e.At.Child("fullUrl"),
				text: "each entry has a fullUrl of its own; received one that an earlier entry has",
			})
		}
	}
}

// fullURL: references find a resource by the fullUrl of its entry.
func (j *judge) fullURL(e *entry) {
	if e.FullURL != "" && !uuid(e.FullURL) {
		return
	}
	at := e.At.Child("fullUrl")
	if !at.Exists() {
		at = e.At
	}
	j.report(finding{
		rule: "reference-fullUrl", source: referencesPage, brokenBy: fullURLExample, code: "value", at: at,
		text: "the fullUrl of an entry is urn:uuid: and the id of its resource; received a bare UUID or none",
	})
}

// ids: a fullUrl does not disagree with the id of its resource, says STU3's page
// of Bundle. The harness finds what is referenced by its id, which then has to
// be there. Only Strict asks for it.
func (j *judge) ids() {
	if !j.strict {
		return
	}
	for i := range j.entries {
		e := &j.entries[i]
		id := e.Resource.Child("id")
		missing := !id.Exists() && e.referenced
		if wanted := e.ID(); wanted == "" || !missing && (!id.Exists() || id.EqualValue(wanted)) {
			continue
		}
		j.report(finding{
			rule: "reference-id", source: harnessSource, code: "value", at: e.Resource,
			text: "the id of a resource is that of its entry's fullUrl; received another, or none though it is referenced",
		})
	}
}

// reference holds a reference against the bundle and against the types that
// STU3 allows where it stands.
func (j *judge) reference(n fhir.Node) {
	reference := n.Child("reference").ValueBytes()
	target := j.refs.Resolve(j.atEntry, reference)
	if !target.Found() {
		if fhir.ClaimsInside(reference) && reference[0] != '#' { // #ID breaks ref-1: fhir.ParseXML has said so
			j.report(finding{
				rule: "reference-not-found", source: referencesPage, code: "not-found", at: n.Child("reference"),
				text: "a reference into the message leads to one of its resources: urn:uuid: is the fullUrl of an entry, TYPE/ID follows the base of this entry's fullUrl; " +
					"received one that leads nowhere. Add the resource or correct the reference",
			})
		}
		return
	}
	if e := &j.entries[target.Entry]; e.Resource == target.Resource {
		e.referenced = true
	}
	allowed := j.allowed(n)
	if name := target.Resource.Name(); allowed != nil && !slices.Contains(allowed, name) && j.reported != n {
		key := string(elementPath(nil, n))
		resource, _, _ := strings.Cut(key, ".")
		j.report(finding{
			rule: "reference-type", source: "http://hl7.org/fhir/STU3/" + strings.ToLower(resource) + ".html",
			code: "invalid", at: n.Child("reference"),
			text: key + " references a resource of the type " + strings.Join(allowed, " or ") + "; received a reference to " + name,
		})
	}
}

// allowed gives the types that STU3 lets a reference lead to, nil where that is
// not known.
func (j *judge) allowed(n fhir.Node) []string {
	var room [96]byte
	return j.rules.references[string(elementPath(room[:0], n))]
}

// elementPath says where an element stands: Immunization.practitioner.actor.
func elementPath(path []byte, n fhir.Node) []byte {
	if parent := n.Parent(); parent.Exists() && parent.Type() != "ResourceContainer" {
		path = append(elementPath(path, parent), '.')
	}
	return append(path, n.Name()...)
}
