package catalogue

import (
	"slices"
	"strings"

	"nems/internal/fhir"
)

// Official examples that break rules about references but are valid STU3.
// Because of them these rules only warn at Standard (decision 9).
const (
	bundledExample = "PDS-Change-Of-Address-ems-example.xml"
	fullURLExample = "PDS-Change-Of-GP-ems-example.xml"
)

// livePDS is named instead of an example where the live demographics service
// breaks a rule. Its messages are known from the tests of their receivers
// (nhsconnect/prm-repo-e2e-tests).
const livePDS = "live PDS"

const referencesPage = "http://hl7.org/fhir/STU3/bundle.html#references"

// fullURLs reports entries whose fullUrl has another form, or is also the
// fullUrl of another version of the resource. (If the version is the same, the
// entry breaks bdl-7, which fhir.ParseXML reports.)
func (j *judge) fullURLs() {
	for i := range j.entries {
		e := &j.entries[i]
		j.fullURL(e)
		if e.Repeated && !e.SameVersion {
			j.report(finding{
				rule: "reference-repeated", source: referencesPage, code: "invalid", at: e.At.Child("fullUrl"),
				text: "each entry must have a fullUrl of its own; received the fullUrl of an earlier entry",
			})
		}
	}
}

// fullURL checks one fullUrl, because references find a resource by it.
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
		text: "the fullUrl of an entry must be urn:uuid: and the id of its resource; received a bare UUID or none",
	})
}

// ids checks that the id of a resource agrees with its fullUrl, as STU3's page
// of Bundle says. The harness finds referenced resources by their id, so they
// need one. Only Strict asks for this.
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
			text: "the id of a resource must be the one in its entry's fullUrl; received another id, or none although the resource is referenced",
		})
	}
}

// reference checks a reference against the bundle, and against the types that
// STU3 allows at its place.
func (j *judge) reference(n fhir.Node) {
	reference := n.Child("reference").ValueBytes()
	target := j.refs.Resolve(j.atEntry, reference)
	if !target.Found() {
		if fhir.ClaimsInside(reference) && reference[0] != '#' { // #ID breaks ref-1, which fhir.ParseXML reports
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

// allowed returns the types to which STU3 lets a reference lead, nil if they
// are not known.
func (j *judge) allowed(n fhir.Node) []string {
	var room [96]byte
	return j.rules.references[string(elementPath(room[:0], n))]
}

// elementPath returns the path of an element inside its resource: Immunization.practitioner.actor.
func elementPath(path []byte, n fhir.Node) []byte {
	if parent := n.Parent(); parent.Exists() && parent.Type() != "ResourceContainer" {
		path = append(elementPath(path, parent), '.')
	}
	return append(path, n.Name()...)
}
