package api

import (
	"slices"

	"nems/internal/fhir"
)

// summary is the part of a resource that a caller wants to see (STU3,
// search.html, "Summary").
type summary string

const (
	whole       summary = ""
	summaryOnly summary = "true"  // the elements that STU3 marks for it
	textOnly    summary = "text"  // id, meta, text and the mandatory elements
	dataOnly    summary = "data"  // everything except the text
	countOnly   summary = "count" // for searches: the total
)

// summaries are the values of _summary.
var summaries = map[string]summary{
	"false": whole, "true": summaryOnly, "text": textOnly, "data": dataOnly, "count": countOnly,
}

// shape says which parts of a resource type are in its summaries.
type shape struct {
	// mandatory are the top-level elements that STU3 requires, by cardinality
	// or by an invariant.
	mandatory []string
	// omitted are the paths of elements that STU3 does not mark for the summary
	// and that the summary must leave out.
	omitted []string
}

// shapes has the resource types that can be read here (from STU3's definitions).
// All elements of a Subscription are part of its summary.
var shapes = map[string]shape{
	"Subscription": {mandatory: []string{"status", "reason", "criteria", "channel"}},
	"CapabilityStatement": {
		mandatory: []string{"status", "date", "kind", "software", "fhirVersion", "acceptUnknown", "format", "rest"}, // cpb-1, cpb-2
		omitted: []string{
			"rest.documentation", "rest.security", "rest.resource.interaction.documentation", "rest.resource.versioning",
			"rest.resource.searchParam", "rest.interaction",
		},
	},
}

// of writes the part of a resource that belongs to the summary, with a tag that
// says so. Searches with countOnly have no resources.
func (s summary) of(xml []byte) []byte {
	if s == whole {
		return xml
	}
	doc, _, err := fhir.ParseXML(xml)
	if err != nil {
		return xml // cannot happen: what we write is well formed
	}
	root := doc.Root()
	w := fhir.NewWriter(root.Name())
	if id := root.Child("id"); id.Exists() {
		w.Value("id", id.Value())
	}
	writeSubsetted(w, root.Child("meta"), xml)
	for child := range root.Children() {
		if name := child.Name(); name != "id" && name != "meta" {
			s.copy(w, child, shapes[root.Name()], name, xml)
		}
	}
	return w.Bytes()
}

// copy writes an element, with the part of its content that belongs to the summary.
func (s summary) copy(w *fhir.Writer, n fhir.Node, shape shape, path string, xml []byte) {
	switch {
	case s == dataOnly && path == "text":
	case s == textOnly && path != "text" && !slices.Contains(shape.mandatory, path):
	case s == summaryOnly && (path == "text" || slices.Contains(shape.omitted, path)):
	case s != summaryOnly || n.HasValue():
		start, end := n.Offset()
		w.Raw(xml[start:end])
	default:
		w.Open(n.Name())
		for child := range n.Children() {
			s.copy(w, child, shape, path+"."+child.Name(), xml)
		}
		w.Close()
	}
}

// writeSubsetted writes meta with the tag SUBSETTED added at its end.
func writeSubsetted(w *fhir.Writer, meta fhir.Node, xml []byte) {
	w.Open("meta")
	for child := range meta.Children() {
		start, end := child.Offset()
		w.Raw(xml[start:end])
	}
	w.Open("tag").Value("system", "http://hl7.org/fhir/v3/ObservationValue").Value("code", "SUBSETTED").Value("display", "subsetted").Close()
	w.Close()
}
