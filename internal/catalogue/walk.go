package catalogue

import (
	"slices"

	"nems/internal/fhir"
)

// branch is a node of the tree that the paths of a group's rules form, so that
// one visit of a resource's elements serves all rules.
type branch struct {
	step    step
	rules   []*rule   // whose path ends here
	through []*rule   // whose path continues below, and which report this element if it is missing
	kids    []*branch // the next elements of the paths
}

// add inserts a rule at its path.
func (b *branch) add(r *rule) {
	at := b
	for i, s := range r.steps {
		at = at.kid(s)
		if i < len(r.steps)-1 && !s.covered && !r.profile {
			at.through = append(at.through, r)
		}
	}
	at.rules = append(at.rules, r)
}

func (b *branch) kid(s step) *branch {
	for _, k := range b.kids {
		if k.step.same(&s) {
			return k
		}
	}
	k := &branch{step: s}
	b.kids = append(b.kids, k)
	return k
}

// resource checks a resource against the rules of its groups, and every
// reference in it against the bundle.
func (j *judge) resource(index int) {
	e := &j.entries[index]
	j.at, j.atEntry, j.work, j.said = e.Resource, index, j.work[:0], j.said[:0]
	// Profiles are in the first group. It is judged last, so that a page is
	// quoted where both say the same.
	for _, g := range slices.Backward(j.rules.groups[e.name]) {
		if g.has(e) {
			j.counts[g.number]++
			j.push(&g.tree)
		}
	}
	if e.name == "Patient" {
		j.patient(e)
	}
	j.walk(e.Resource, 0)
}

// expected is a branch whose elements are being counted.
type expected struct {
	name   fhir.NameID // of the elements; 0 if there are several names
	count  int32
	branch *branch
}

// push adds the branches below b to the work stack.
func (j *judge) push(b *branch) {
	for _, k := range b.kids {
		x := expected{branch: k}
		if !k.step.choice {
			x.name = k.step.ids[0]
		}
		j.work = append(j.work, x)
	}
}

// walk visits the children of n. The branches expected among them are on the
// work stack from base on; walk removes them.
func (j *judge) walk(n fhir.Node, base int) {
	top := len(j.work)
	for c := range n.Children() {
		id := c.NameID()
		for i := base; i < top; i++ {
			x := &j.work[i]
			if x.name != id && (x.name != 0 || !x.branch.step.named(id)) || !x.branch.step.picks(c) {
				continue
			}
			x.count++
			b := x.branch
			j.values(b, c)
			j.push(b)
		}
		switch c.Type() {
		case "Reference":
			j.reference(c)
		case "Identifier":
			j.number(c)
		case "Coding":
			j.snomed(c)
		case "Extension":
			j.extension(c)
		case "ResourceContainer":
			j.work = j.work[:top]
			j.contained(c.Resource())
			continue
		}
		j.walk(c, top)
	}
	for _, x := range j.work[base:top] {
		j.counted(n, x)
	}
	j.work = j.work[:base]
}

// extension applies the definition of an extension, wherever the extension occurs.
func (j *judge) extension(n fhir.Node) {
	if definition := j.rules.extensions[string(n.URLBytes())]; definition != nil {
		j.push(&definition.tree)
	}
}

// contained checks a contained resource against the rules of pages and profiles
// for all resources of its type. It does not count as one of the message's
// resources.
func (j *judge) contained(n fhir.Node) {
	around, base := j.at, len(j.work)
	j.at = n
	for _, g := range j.rules.groups[n.Name()] {
		if g.slice == "" {
			j.push(&g.tree)
		}
	}
	if n.Type() == "Patient" && j.rules.code != birthNotification {
		j.routingPatient(n)
	}
	j.walk(n, base)
	j.at = around
}

func (j *judge) values(b *branch, n fhir.Node) {
	for _, r := range b.rules {
		if !r.strict || j.strict {
			r.value(j, n)
		}
	}
}

// counted compares the number of elements found in n with the cardinalities.
// First come the rules about what is inside a missing element: they may be a
// page's rules, while the element's own cardinality may be a profile's.
func (j *judge) counted(n fhir.Node, x expected) {
	if x.count == 0 {
		for _, r := range x.branch.through {
			if r.count[j.kind].min > 0 {
				r.reportElement(j, n, x.branch.step.text, "required", r.missing)
			}
		}
	}
	for _, r := range x.branch.rules {
		if !r.count[j.kind].holds(int(x.count)) {
			r.miscounted(j, n, int(x.count))
		}
	}
}
