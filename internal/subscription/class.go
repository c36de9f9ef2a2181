package subscription

import "slices"

// Class encodes the filters of a subscription as an index key: a span of ages and
// a registration. Subscriptions are indexed by class, so that an event finds none
// whose filters exclude it. The zero Class filters nothing. Classes are stored,
// so a change of the encoding needs a migration.
//
// Spans of ages are the nodes of a binary tree whose leaves are single years,
// numbered like a heap: 1 is all ages, 2 and 3 are its halves. A range of ages
// consists of at most fourteen spans, which do not overlap. An age lies in nine
// spans.
type Class int32

// ageLeaves is the number of leaves of the tree. The last one also stands for
// all higher ages: there the class finds more than matches, and Match decides.
const ageLeaves = 256

// anyAge is not a node: it means that the subscription does not filter by age.
const anyAge = 0

func classOf(node int, r Registration) Class { return Class(node<<2 | int(r)) }

// Classes returns the classes under which a subscription with these filters is
// indexed; none when the filters exclude every patient.
func Classes(ages []Age, r Registration) []Class {
	if len(ages) == 0 {
		return []Class{classOf(anyAge, r)}
	}
	span := rangeOf(ages)
	if span.min > span.max {
		return nil
	}
	var out []Class
	from, to := leaf(span.min), leaf(span.max)+1
	for ; from < to; from, to = from/2, to/2 {
		if from%2 == 1 {
			out = append(out, classOf(from, r))
			from++
		}
		if to%2 == 1 {
			to--
			out = append(out, classOf(to, r))
		}
	}
	slices.Sort(out)
	return out
}

// Classes returns the classes under which a subscription with these criteria is indexed.
func (c Criteria) Classes() []Class { return Classes(c.Ages, c.Registration) }

// Classes returns the classes of subscriptions that the event may match, in ascending order.
func (f *Facts) Classes() []Class {
	registrations := []Registration{AnyRegistration}
	switch {
	case f.Registered == nil:
	case *f.Registered:
		registrations = append(registrations, RegisteredOnly)
	default:
		registrations = append(registrations, UnregisteredOnly)
	}
	nodes := []int{anyAge}
	if !f.BirthDate.IsZero() {
		for node := leaf(YearsOld(f.BirthDate, f.At)); node > 0; node /= 2 {
			nodes = append(nodes, node)
		}
	}
	slices.Sort(nodes)
	out := make([]Class, 0, len(nodes)*len(registrations))
	for _, node := range nodes {
		for _, r := range registrations {
			out = append(out, classOf(node, r))
		}
	}
	return out
}

func leaf(age int) int { return ageLeaves + min(age, ageLeaves-1) }
