package handbook

import (
	"cmp"
	"slices"
)

// place gives every box its place and returns the size of the whole: ranks along the
// way of the arrows, and within a rank an order in which few arrows cross.
func (f *flowchart) place() (long, wide float64) {
	ranks := f.ranks()
	for sweep := range 12 {
		for i := range ranks {
			if sweep%2 == 1 {
				i = len(ranks) - 1 - i
			}
			around := f.around(sweep%2 == 1)
			slices.SortStableFunc(ranks[i], func(a, b *box) int { return cmp.Compare(a.wish(around[a]), b.wish(around[b])) })
			settle(ranks[i], nil)
		}
	}
	for sweep := range 20 {
		around := f.around(sweep%2 == 1)
		for _, rank := range ranks {
			settle(rank, around)
		}
	}
	least := ranks[0][0].across
	for _, rank := range ranks {
		for _, b := range rank {
			least = min(least, b.across-b.wide/2)
		}
	}
	long = 1
	for i, rank := range ranks {
		deep := 0.0
		for _, b := range rank {
			deep = max(deep, b.long)
			b.across += 1 - least
			wide = max(wide, b.across+b.wide/2+1)
		}
		if i > 0 {
			long += f.gap()
		}
		for _, b := range rank {
			if b.id == "" { // an edge passes
				b.long = deep
			}
			b.along = long + b.long/2
			if f.right {
				b.along = long + deep/2
			}
		}
		long += deep
	}
	return long + 1, wide
}

// gap is how far ranks are from each other: a label needs room.
func (f *flowchart) gap() float64 {
	if f.right && slices.ContainsFunc(f.edges, func(e edge) bool { return e.label != "" }) {
		return arrows + 34
	}
	return arrows
}

// ranks files the boxes by how many arrows lead to them at most, and adds a place
// for each edge in each rank that it passes. Arrows in a circle would be endless:
// after as many rounds as there are boxes it is enough.
func (f *flowchart) ranks() [][]*box {
	for range f.boxes {
		for _, e := range f.edges {
			if e.to.rank <= e.from.rank && e.from.rank < len(f.boxes) {
				e.to.rank = e.from.rank + 1
			}
		}
	}
	var ranks [][]*box
	file := func(b *box) {
		for len(ranks) <= b.rank {
			ranks = append(ranks, nil)
		}
		ranks[b.rank] = append(ranks[b.rank], b)
	}
	for _, b := range f.boxes {
		file(b)
	}
	for i, e := range f.edges {
		for rank := e.from.rank + 1; rank < e.to.rank; rank++ {
			by := &box{rank: rank, wide: 8}
			file(by)
			f.edges[i].by = append(f.edges[i].by, by)
		}
	}
	return slices.DeleteFunc(ranks, func(rank []*box) bool { return len(rank) == 0 })
}

// around returns the neighbours of each box: those before it, or all.
func (f *flowchart) around(all bool) map[*box][]*box {
	out := map[*box][]*box{}
	for _, e := range f.edges {
		stops := append(append([]*box{e.from}, e.by...), e.to)
		for i, to := range stops[1:] {
			from := stops[i]
			out[to] = append(out[to], from)
			if all {
				out[from] = append(out[from], to)
			}
		}
	}
	return out
}

// wish is where a box would like to be: in the middle of its neighbours.
func (b *box) wish(around []*box) float64 {
	if len(around) == 0 {
		return b.across
	}
	sum := 0.0
	for _, n := range around {
		sum += n.across
	}
	return sum / float64(len(around))
}

// settle puts the boxes of a rank as near to their wishes as their sizes allow, in
// their order. Boxes that push each other move as one.
func settle(rank []*box, around map[*box][]*box) {
	type group struct {
		sum   float64 // of what the members wish, without their offsets
		boxes []*box
	}
	var groups []group
	offset := make(map[*box]float64, len(rank))
	sofar := 0.0
	for i, b := range rank {
		if i > 0 {
			sofar += rank[i-1].wide/2 + apart + b.wide/2
		}
		offset[b] = sofar
		groups = append(groups, group{b.wish(around[b]) - sofar, []*box{b}})
		for len(groups) > 1 {
			last, before := groups[len(groups)-1], groups[len(groups)-2]
			if last.sum/float64(len(last.boxes)) > before.sum/float64(len(before.boxes)) {
				break
			}
			groups = append(groups[:len(groups)-2], group{before.sum + last.sum, append(before.boxes, last.boxes...)})
		}
	}
	for _, g := range groups {
		for _, b := range g.boxes {
			b.across = g.sum/float64(len(g.boxes)) + offset[b]
		}
	}
}
