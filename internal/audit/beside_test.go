package audit

import "testing"

// Nodes commit concurrently, so a chain may have grown beyond the end that a new
// chain names before the new chain's first link is read. A change to the named
// link is found nevertheless.
func TestChainsBesideEachOther(t *testing.T) {
	sealed := []Sealed{Seal(Entry{At: at, Action: "publish"})}
	a := NewChain(1, nil)
	var links []Link
	grow := func(c *Chain) {
		l := c.Next(at, sealed)
		c.Extend(l)
		links = append(links, l)
	}
	grow(a)
	b := NewChain(2, []Head{a.Head()})
	grow(a)
	grow(b)
	grow(a)
	verify := func(links []Link) Report {
		r, err := Verify(func(yield func(Link, error) bool) {
			for _, l := range links {
				if !yield(l, nil) {
					return
				}
			}
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := verify(links); r.Found != 0 || r.Chains != 2 {
		t.Errorf("side by side: %+v", r)
	}
	other := NewChain(1, nil) // the same chain, rewritten with all its hashes
	forged := append([]Link(nil), links...)
	for i, l := range forged {
		if l.Chain == 1 {
			forged[i] = other.Next(at, []Sealed{Seal(Entry{At: at, Action: "read"})})
			other.Extend(forged[i])
		}
	}
	if r := verify(forged); r.Found == 0 {
		t.Error("a chain that was rewritten is not found, although another names it")
	}
}
