package store

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"nems/internal/subscription"
)

// MaxCandidates is how many subscriptions the transaction that accepts or routes
// an event looks at. An event with more candidates is matched before that
// transaction, on a connection that nobody else waits for.
const MaxCandidates = 1000

// ErrCrowded says that more than MaxCandidates subscriptions would have to be
// looked at. Nothing was stored.
var ErrCrowded = errors.New("too many subscriptions to look at within a transaction")

// Search finds the subscriptions that match an event among those that are filed
// under its route keys. Its cost depends on the number of copies: rows that the
// filters drop, and rows that a copy would no longer name, are passed over in
// one step.
type Search struct {
	// Hits are the matching subscriptions, for subscription.Match. Not all of a
	// mailbox are necessarily included.
	Hits    []subscription.Candidate
	classes []subscription.Class
	matcher subscription.Matcher
}

// NewSearch begins a search. The facts must not change.
func NewSearch(f *subscription.Facts) *Search {
	return &Search{classes: f.Classes(), matcher: subscription.NewMatcher(f)}
}

// Classes returns the classes under which rows are to be looked up, in ascending order.
func (s *Search) Classes() []subscription.Class { return s.classes }

// Place is the place of a row among those of a route key and an event code.
// They are in the order of class, mailbox and id.
type Place struct {
	Class   subscription.Class
	Mailbox int64           // 0: not known; the rows of several mailboxes
	ID      subscription.ID // zero: before the first of the mailbox
}

// Compare orders places.
func (p Place) Compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Class, q.Class), cmp.Compare(p.Mailbox, q.Mailbox), bytes.Compare(p.ID[:], q.ID[:]))
}

// Walk goes over the rows of one route key and event code. At is the place
// after which to read.
type Walk struct {
	At     Place
	Done   bool // nothing that follows is useful
	search *Search
	named  int // hits of the class and mailbox of At
}

// Walk begins with the first row of a route key that may match.
func (s *Search) Walk() Walk { return Walk{At: Place{Class: s.classes[0]}, search: s} }

// Take judges the next row. It reports whether the rows that follow it up to At
// can be skipped.
func (w *Walk) Take(at Place, c *subscription.Candidate) (jumps bool) {
	s := w.search
	i, wanted := slices.BinarySearch(s.classes, at.Class)
	if !wanted {
		if w.Done = i == len(s.classes); !w.Done {
			w.At, w.named = Place{Class: s.classes[i]}, 0
		}
		return true
	}
	w.Pass(at)
	if !s.matcher.Matches(c) {
		return false
	}
	s.Hits = append(s.Hits, *c)
	if w.named++; w.named < subscription.MaxNamed || at.Mailbox == 0 {
		return false
	}
	w.At, w.named = Place{Class: at.Class, Mailbox: at.Mailbox + 1}, 0
	return true
}

// Pass leaves out the next row.
func (w *Walk) Pass(at Place) {
	if at.Class != w.At.Class || at.Mailbox != w.At.Mailbox {
		w.named = 0
	}
	w.At = at
}
