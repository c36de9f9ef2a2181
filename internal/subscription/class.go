package subscription

import "slices"

// Class is what the filters of a subscription are filed as, so that an event
// finds no subscription whose filters drop it: a span of ages and a registration.
// The zero Class filters nothing. Classes are stored: another way of making
// them needs a migration.
//
// Spans of ages are the nodes of a binary tree whose leaves are single years, as
// a heap numbers them: 1 is all ages, 2 and 3 are its halves. A range of ages is
// at most fourteen of them, which do not overlap; an age lies in nine.
type Class int32

// ageLeaves is how many leaves the tree has. The last one stands for all higher
// ages too: there the class finds more than matches, and Match decides.
const ageLeaves = 256

// anyAge is no node: the subscription does not filter by age.
const anyAge = 0

func classOf(node int, r Registration) Class { return Class(node<<2 | int(r)) }

// Classes are what a subscription with these filters is filed as; none when no
// patient passes them.
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

// Classes are what a subscription with the criteria is filed as.
func (c Criteria) Classes() []Class { return Classes(c.Ages, c.Registration) }

// Classes are those whose subscriptions the event may match, in ascending order.
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
