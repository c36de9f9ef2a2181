package fhir

import "bytes"

// localReferences are the material of dom-3 and ref-1: a reference #ID leads to
// a contained resource, and every contained resource is the target of one. They
// are collected during the pass and judged at its end with two maps, so that
// the time is proportional to their number.
type localReferences struct {
	contained  []uint32 // resources
	references []uint32 // elements of type Reference
	dom3, ref1 *invariant
}

// localID is an id within a resource.
type localID struct {
	resource Node
	id       string
}

func (s *invariantPass) gatherContained(inv *invariant, n Node) {
	s.local.dom3 = inv
	for c := range n.ChildrenNamed("contained") {
		if resource := c.Resource(); resource.Type() != "" {
			s.local.contained = append(s.local.contained, resource.index)
		}
	}
}

func (s *invariantPass) gatherReference(inv *invariant, n Node) {
	s.local.ref1 = inv
	if bytes.HasPrefix(n.Child("reference").ValueBytes(), []byte("#")) {
		s.local.references = append(s.local.references, n.index)
	}
}

func (s *invariantPass) judgeLocalReferences() {
	if len(s.local.contained)+len(s.local.references) == 0 {
		return
	}
	places := map[localID]bool{}
	for _, i := range s.local.contained {
		c := Node{s.doc, i}
		if id := c.Child("id").Value(); id != "" {
			places[localID{c.Parent().Parent(), id}] = true
		}
	}
	wanted := map[localID]bool{}
	for _, i := range s.local.references {
		n := Node{s.doc, i}
		id := n.Child("reference").Value()[1:]
		wanted[localID{n.outermost(), id}] = true
		if !n.leadsInto(places, id) {
			s.breaks(s.local.ref1, i, "a reference to an id that no contained resource has")
		}
	}
	for _, i := range s.local.contained {
		c := Node{s.doc, i}
		switch id := c.Child("id").Value(); {
		case id == "":
			s.breaks(s.local.dom3, i, "a contained resource without an id")
		case !wanted[localID{c.outermost(), id}]:
			s.breaks(s.local.dom3, i, "a contained resource that no reference leads to")
		}
	}
}

// outermost returns the outermost domain resource around n.
func (n Node) outermost() Node {
	var found Node
	for ; n.Exists(); n = n.Parent() {
		if n.doc.facts.types[n.record().typ].isDomainResource {
			found = n
		}
	}
	return found
}

// leadsInto reports whether a resource around n contains the resource with this
// id. Only a root, or a resource of an entry or a parameter, can contain it.
func (n Node) leadsInto(places map[localID]bool, id string) bool {
	for ; n.Exists(); n = n.Parent() {
		holder := n.Parent()
		whole := !holder.Exists() || holder.is("resource") && (holder.Parent().is("entry") || holder.Parent().is("parameter"))
		if whole && places[localID{n, id}] {
			return true
		}
	}
	return false
}
