package portable

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// A deferred event sees the subscriptions that were active when it was accepted.
// SQLite tells by positions of its writer, PostgreSQL by numbers of transactions and
// snapshots. What both say is an order: the rank of a subscription's route is how
// many deferred events do not see it, and an event sees the routes up to its rank.

// Ranks ranks by moments that can be compared: the positions of SQLite's writer.
type Ranks struct{ moments []int64 }

// RanksOf takes the moments of all deferred events, in any order.
func RanksOf(moments []int64) *Ranks {
	moments = slices.Clone(moments)
	slices.Sort(moments)
	return &Ranks{moments}
}

// Of is the rank of a route that became active at a moment: how many events were
// accepted before.
func (r *Ranks) Of(since int64) int64 {
	return int64(sort.Search(len(r.moments), func(i int) bool { return r.moments[i] >= since }))
}

// Snapshot is a snapshot of PostgreSQL: which transactions it sees.
type Snapshot struct {
	min, max uint64
	running  []uint64 // in ascending order
}

// ParseSnapshot reads the text of a pg_snapshot: XMIN:XMAX:RUNNING,…
func ParseSnapshot(text string) (s Snapshot, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return s, fmt.Errorf("snapshot: expected XMIN:XMAX:LIST; received %q", text)
	}
	if s.min, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return s, err
	}
	if s.max, err = strconv.ParseUint(parts[1], 10, 64); err != nil || parts[2] == "" {
		return s, err
	}
	for _, p := range strings.Split(parts[2], ",") {
		n, err := strconv.ParseUint(p, 10, 64)
		if err != nil {
			return s, err
		}
		s.running = append(s.running, n)
	}
	return s, nil
}

// Sees tells whether a transaction had been committed (PostgreSQL, "Snapshot
// information functions").
func (s *Snapshot) Sees(transaction uint64) bool {
	if transaction < s.min {
		return true
	}
	_, running := slices.BinarySearch(s.running, transaction)
	return transaction < s.max && !running
}

// SnapshotRanks ranks by snapshots. Snapshots of one database include one another in
// the order in which they were taken.
type SnapshotRanks struct{ all []Snapshot }

// SnapshotRanksOf takes the snapshots of all deferred events, in any order.
func SnapshotRanksOf(all []Snapshot) *SnapshotRanks {
	all = slices.Clone(all)
	slices.SortFunc(all, earlier)
	return &SnapshotRanks{all}
}

// earlier orders snapshots: each sees what those before it see.
func earlier(a, b Snapshot) int {
	return cmp.Or(cmp.Compare(a.min, b.min), cmp.Compare(a.max, b.max), cmp.Compare(len(b.running), len(a.running)))
}

// Limit is the highest rank that the event of a snapshot sees.
func (r *SnapshotRanks) Limit(s Snapshot) int64 {
	i, _ := slices.BinarySearchFunc(r.all, s, earlier)
	return int64(i)
}

// Of is the rank of a route that a transaction has made active.
func (r *SnapshotRanks) Of(transaction uint64) int64 {
	return int64(sort.Search(len(r.all), func(i int) bool { return r.all[i].Sees(transaction) }))
}

// Seen is the rank of a deferred event: the highest of the ranks that it sees.
type Seen struct{ ranks []int64 }

// SeenOf takes the ranks of all routes, in any order and any number of times.
func SeenOf(ranks map[int64]bool) *Seen {
	s := &Seen{}
	for n := range ranks {
		s.ranks = append(s.ranks, n)
	}
	slices.Sort(s.ranks)
	return s
}

// UpTo is the highest rank of a route that is at most limit; 0 without one.
func (s *Seen) UpTo(limit int64) int64 {
	i := sort.Search(len(s.ranks), func(i int) bool { return s.ranks[i] > limit })
	if i == 0 {
		return 0
	}
	return s.ranks[i-1]
}
