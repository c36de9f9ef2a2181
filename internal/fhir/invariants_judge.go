package fhir

import (
	"bytes"
	"slices"
	"strings"
)

// judge names what holds an invariant in place of its test, which, done word
// by word, would compare all elements with all others, or asks where a
// reference leads.
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

// fullURLs: entries with the same fullUrl differ in the version of their
// resource (bdl-7). An entry without one repeats none. The references of a
// message are worked out for this, and kept for those who follow them.
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
			s.breaks(inv, e.At.Child("fullUrl").index, "one that an earlier entry has")
		}
		seen[v] = true
	}
}

// agents are the types of those who may act on behalf of others.
var agents = map[string][]string{
	"ctm-1": {"Practitioner"}, "cmr-1": {"Practitioner", "Device"}, "mps-1": {"Practitioner", "Device"}, "rfr-1": {"Practitioner", "Device"},
}

// agent: onBehalfOf goes with an agent of these types alone. HL7's test looks
// for the type in the URL, where a urn:uuid: has none; here what the Bundle has
// under that URL counts first.
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
		s.breaks(inv, n.index, "onBehalfOf with an agent of another type or none")
	}
}

// elementTypes: no two types of an element definition have the same code and
// profile (eld-13).
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
			s.breaks(inv, n.index, "a type again")
			return
		}
		seen[p] = true
	}
}

// elementPaths: all paths start with the type that the structure defines, and
// the first of a snapshot is that type (sdf-8 of snapshots, sdf-8a of
// differentials).
func (s *invariantPass) elementPaths(inv *invariant, part Node) {
	typ := s.structureType(part.Parent())
	snapshot, first := part.is("snapshot"), true
	for e := range part.ChildrenNamed("element") {
		path := e.Child("path").Value()
		itself, inside := path == typ, strings.HasPrefix(path, typ+".")
		if snapshot && first != itself || !itself && !inside {
			s.breaks(inv, part.index, "one of another type")
			return
		}
		first = false
	}
}

// structureType gives the type that a structure defines. It is kept for the
// next part of the same one, so that many parts are no search each.
func (s *invariantPass) structureType(structure Node) string {
	if s.structure != structure {
		s.structure, s.defines = structure, structure.Child("type").Value()
	}
	return s.defines
}

// preferredIDs: of the ids of each type one at most is preferred (nsd-2).
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
