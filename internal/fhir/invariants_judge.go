package fhir

import (
	"bytes"
	"slices"
	"strings"
)

// judge names the code that checks an invariant instead of its XPath test.
// Evaluated literally, that test would compare all elements with each other, or
// would need to know where a reference leads.
type judge uint8

const (
	judgeTest judge = iota
	judgeFullURLs
	judgeContained
	judgeReference
	judgeAgent
	judgeElementTypes
	judgeElementPaths
	judgePreferredIDs
)

var invariantJudges = map[string]judge{
	"bdl-7": judgeFullURLs, "dom-3": judgeContained, "ref-1": judgeReference,
	"cmr-1": judgeAgent, "ctm-1": judgeAgent, "mps-1": judgeAgent, "rfr-1": judgeAgent,
	"eld-13": judgeElementTypes, "sdf-8": judgeElementPaths, "sdf-8a": judgeElementPaths, "nsd-2": judgePreferredIDs,
}

func (s *invariantPass) judge(inv *invariant, n Node) {
	switch inv.judge {
	case judgeTest:
		s.hold(inv, n.index)
	case judgeFullURLs:
		s.fullURLs(inv, n)
	case judgeContained:
		s.gatherContained(inv, n)
	case judgeReference:
		s.gatherReference(inv, n)
	case judgeAgent:
		s.agent(inv, n)
	case judgeElementTypes:
		s.elementTypes(inv, n)
	case judgeElementPaths:
		s.elementPaths(inv, n)
	case judgePreferredIDs:
		s.preferredIDs(inv, n)
	}
}

// fullURLs checks bdl-7: entries with the same fullUrl differ in the version of
// their resource. An entry without a fullUrl repeats none. The references of a
// message are computed for this, and kept for others who follow them.
func (s *invariantPass) fullURLs(inv *invariant, bundle Node) {
	references := s.doc.References()
	if bundle.index != 0 {
		references = newReferences(bundle)
	}
	if !slices.ContainsFunc(references.entries, func(e Entry) bool { return e.Repeated }) {
		return
	}
	type version struct{ fullURL, id string }
	seen := map[version]bool{}
	for i := range references.entries {
		e := &references.entries[i]
		v := version{e.FullURL, e.version()}
		if e.FullURL != "" && seen[v] {
			s.breaks(inv, e.At.Child("fullUrl").index, "the fullUrl of an earlier entry")
		}
		seen[v] = true
	}
}

// agents are the types that may act on behalf of others, by invariant.
var agents = map[string][]string{
	"ctm-1": {"Practitioner"}, "cmr-1": {"Practitioner", "Device"}, "mps-1": {"Practitioner", "Device"}, "rfr-1": {"Practitioner", "Device"},
}

// agent checks that onBehalfOf occurs only with an agent of these types. HL7's
// test looks for the type in the URL, but a urn:uuid: has no type in it. Here
// the type of the resource that the Bundle has under that URL counts first.
func (s *invariantPass) agent(inv *invariant, n Node) {
	if !n.Child("onBehalfOf").Exists() {
		return
	}
	who := n.Child("agent")
	if inv.rule.id == "ctm-1" {
		who = n.Child("member")
	}
	types := agents[inv.rule.id]
	url := who.Child("reference").ValueBytes()
	named := func(typ string) bool {
		return bytes.HasPrefix(url, []byte(typ+"/")) || bytes.Contains(url, []byte("/"+typ+"/"))
	}
	good := slices.ContainsFunc(types, named)
	if target := s.doc.References().at(scopeURL, url); target.Found() {
		good = slices.Contains(types, target.Resource.Name())
	}
	if !good {
		s.breaks(inv, n.index, "onBehalfOf with an agent of another type, or without an agent")
	}
}

// elementTypes checks eld-13: no two types of an element definition have the
// same code and profile.
func (s *invariantPass) elementTypes(inv *invariant, n Node) {
	type profile struct{ code, url string }
	seen := map[profile]bool{}
	for t := range n.ChildrenNamed("type") {
		code, url := t.Child("code"), t.Child("profile")
		if !code.HasValue() || !url.HasValue() {
			continue
		}
		p := profile{code.Value(), url.Value()}
		if seen[p] {
			s.breaks(inv, n.index, "the same type twice")
			return
		}
		seen[p] = true
	}
}

// elementPaths checks sdf-8 (snapshots) and sdf-8a (differentials): every path
// starts with the type that the structure defines, and the first path of a
// snapshot is that type.
func (s *invariantPass) elementPaths(inv *invariant, part Node) {
	typ := s.structureType(part.Parent())
	snapshot, first := part.is("snapshot"), true
	for e := range part.ChildrenNamed("element") {
		path := e.Child("path").Value()
		itself, inside := path == typ, strings.HasPrefix(path, typ+".")
		if snapshot && first != itself || !itself && !inside {
			s.breaks(inv, part.index, "a path of another type")
			return
		}
		first = false
	}
}

// structureType returns the type that a structure defines. It is kept for the
// structure's next part, so that many parts need no search each.
func (s *invariantPass) structureType(structure Node) string {
	if s.structure != structure {
		s.structure, s.defines = structure, structure.Child("type").Value()
	}
	return s.defines
}

// preferredIDs checks nsd-2: of the ids of each type at most one is preferred.
func (s *invariantPass) preferredIDs(inv *invariant, n Node) {
	seen := map[string]bool{}
	for u := range n.ChildrenNamed("uniqueId") {
		typ := u.Child("type")
		if !typ.HasValue() || !u.Child("preferred").EqualValue("true") {
			continue
		}
		if seen[typ.Value()] {
			s.breaks(inv, n.index, "two")
			return
		}
		seen[typ.Value()] = true
	}
}
