package portable

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"nems/internal/audit"
)

// End is the end of a chain of the audit, and up to where others have bound it.
type End struct {
	audit.Head
	Bound int64
}

// Ends follows the chains of the audit link by link. The zero value has seen none.
type Ends struct{ chains map[int64]*End }

// Add takes the next link.
func (e *Ends) Add(l *audit.Link) {
	if e.chains == nil {
		e.chains = map[int64]*End{}
	}
	e.end(l.Chain).Head = l.Head()
	for _, h := range l.Heads {
		named := e.end(h.Chain)
		named.Bound = max(named.Bound, h.Seq)
	}
}

func (e *Ends) end(chain int64) *End {
	if e.chains[chain] == nil {
		e.chains[chain] = &End{Head: audit.Head{Chain: chain}}
	}
	return e.chains[chain]
}

// All lists the ends in the order of their chains.
func (e *Ends) All() []End {
	var out []End
	for _, end := range e.chains {
		if end.Seq > 0 { // it has links
			out = append(out, *end)
		}
	}
	slices.SortFunc(out, func(a, b End) int { return cmp.Compare(a.Chain, b.Chain) })
	return out
}

// Unbound are the ends that no other chain names: a new chain binds them.
func (e *Ends) Unbound() (out []audit.Head) {
	for _, end := range e.All() {
		if end.Seq > end.Bound {
			out = append(out, end.Head)
		}
	}
	return out
}

// Chains are the numbers of the chains.
func (e *Ends) Chains() []int64 { return slices.Sorted(maps.Keys(e.chains)) }

// Links makes links of the rows of audit_link.
func Links(rows Rows) iter.Seq2[audit.Link, error] {
	return func(yield func(audit.Link, error) bool) {
		for r, err := range rows {
			var l audit.Link
			if err == nil {
				l, err = LinkOf(r)
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

var errLink = errors.New("audit_link: a row that is no link")

// LinkOf makes a link of a row of audit_link.
func LinkOf(r Row) (l audit.Link, err error) {
	var at int64
	var heads, hash []byte
	ok := make([]bool, 4)
	l.Chain, ok[0] = r[1].(int64)
	l.Seq, ok[1] = r[2].(int64)
	at, ok[2] = r[3].(int64)
	heads, _ = r[4].([]byte) // NULL on most links
	hash, ok[3] = r[5].([]byte)
	l.Entries, _ = r[6].([]byte)
	if slices.Contains(ok, false) || len(hash) != len(l.Hash) {
		return l, errLink
	}
	l.At = time.UnixMicro(at).UTC()
	copy(l.Hash[:], hash)
	l.Heads, err = audit.DecodeHeads(heads)
	return l, err
}
