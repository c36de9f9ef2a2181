package catalogue

import "nems/internal/fhir"

// branch is a place in the tree that the paths of a group's rules make, so
// that one visit of a resource's elements serves all of them.
type branch struct {
	step    step
	rules   []*rule   // whose path ends here
	through []*rule   // whose path goes on below, and who miss this element if it is not there
	kids    []*branch // the next elements
}

// add files a rule under its path.
func (b *branch) add(r *rule) {
	at := b
	for i, s := range r.steps {
		at = at.kid(s)
		if i < len(r.steps)-1 && !s.covered {
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

// resource holds a resource against the rules of its groups, and every
// reference in it against the bundle.
func (j *judge) resource(index int) {
	e := &j.entries[index]
	j.at, j.atEntry = e.Resource, index
	j.work = j.work[:0]
	for _, g := range j.rules.groups[e.name] {
		if g.has(e) {
			j.counts[g.number]++
			j.push(&g.tree)
		}
	}
	if e.name == "Patient" {
		j.patient(e)
	}
	var key [96]byte
	j.walk(e.Resource, append(key[:0], e.name...), 0)
}

// expected is a branch whose elements are being counted.
type expected struct {
	branch *branch
	count  int
}

// push expects what may follow below a branch.
func (j *judge) push(b *branch) {
	for _, k := range b.kids {
		j.work = append(j.work, expected{branch: k})
	}
}

// walk visits the children of n. What is expected of them lies on the work
// stack from base on; it is taken off. key is where n stands, such as
// Immunization.practitioner.
func (j *judge) walk(n fhir.Node, key []byte, base int) {
	top := len(j.work)
	for c := range n.Children() {
		name := c.Name()
		for i := base; i < top; i++ {
			if x := &j.work[i]; x.branch.step.matches(c, name) {
				x.count++
				b := x.branch
				j.values(b, c)
				j.push(b)
			}
		}
		inner := append(append(key, '.'), name...)
		switch c.Type() {
		case "Reference":
			j.reference(c, inner)
		case "Identifier":
			j.number(c)
		case "Patient": // contained
			if j.rules.code != birthNotification {
				j.routingPatient(c)
			}
		}
		j.walk(c, inner, top)
	}
	for _, x := range j.work[base:top] {
		j.counted(n, x)
	}
	j.work = j.work[:base]
}

func (j *judge) values(b *branch, n fhir.Node) {
	for _, r := range b.rules {
		if !r.strict || j.strict {
			r.value(j, n)
		}
	}
}

// counted holds the number of elements that were found in n against the
// cardinalities.
func (j *judge) counted(n fhir.Node, x expected) {
	for _, r := range x.branch.rules {
		if !r.count[j.kind].holds(x.count) {
			r.miscounted(j, n, x.count)
		}
	}
	if x.count > 0 {
		return
	}
	for _, r := range x.branch.through {
		if r.count[j.kind].min > 0 {
			r.report(j, n, "required", r.missing)
		}
	}
}
