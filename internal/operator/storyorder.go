package operator

import (
	"iter"
	"slices"
	"time"
)

// InOrder yields the entries of all pages of a story in the order of time. Each page
// is in order by itself. Entries that were only recorded join a commit a moment
// later, so that one may stand at the beginning of a page and belong before the end
// of the page before.
func InOrder(entries iter.Seq2[StoryEntry, error]) iter.Seq2[StoryEntry, error] {
	return func(yield func(StoryEntry, error) bool) {
		var held []StoryEntry // in order
		// flush yields what is held up to a moment; the zero time means all.
		flush := func(upTo time.Time) bool {
			n := 0
			for n < len(held) && (upTo.IsZero() || held[n].At.Before(upTo)) {
				if !yield(held[n], nil) {
					return false
				}
				n++
			}
			held = slices.Delete(held, 0, n)
			return true
		}
		for e, err := range entries {
			if err != nil {
				if flush(time.Time{}) {
					yield(e, err)
				}
				return
			}
			at := len(held) // behind those of the same moment
			for at > 0 && held[at-1].At.After(e.At) {
				at--
			}
			held = slices.Insert(held, at, e)
			if newest := held[len(held)-1].At; !newest.IsZero() && !flush(newest.Add(-slack)) {
				return
			}
		}
		flush(time.Time{})
	}
}
