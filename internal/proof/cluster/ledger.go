//go:build linux

package main

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"
)

// entry is one event.
type entry struct {
	key          [16]byte
	fault        string
	began, ended time.Time // the first attempt, and when it was accepted; zero if it was not
	copies       int
}

// attempt is one try that was not accepted.
type attempt struct {
	fault      string
	began, end time.Time
	answer     string
}

// ledger records what publishers were told and what was collected. It is safe for
// concurrent use.
type ledger struct {
	mu       sync.Mutex
	base     []byte
	next     int
	fault    string // the present one
	entries  map[[sha256.Size]byte]*entry
	accepted []time.Time
	failed   []attempt
	seen     map[string]bool // MESH message ids
	wrong    int             // copies of what was never published
}

func newLedger(base []byte) *ledger {
	return &ledger{base: base, entries: map[[sha256.Size]byte]*entry{}, seen: map[string]bool{}}
}

// begin says which fault what follows belongs to.
func (l *ledger) begin(fault string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
}

// issue makes an event that differs from all others.
func (l *ledger) issue() ([]byte, *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	message := fmt.Appendf(slices.Clone(l.base), "<!-- %d -->", l.next)
	e := &entry{fault: l.fault, began: time.Now()}
	_, _ = rand.Read(e.key[:]) // never fails
	l.entries[sha256.Sum256(message)] = e
	return message, e
}

// told records the answer to an attempt, and reports whether the event is accepted.
func (l *ledger) told(e *entry, began time.Time, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if err != nil {
		l.failed = append(l.failed, attempt{l.fault, began, now, err.Error()})
		return false
	}
	e.ended = now
	l.accepted = append(l.accepted, now)
	return true
}

// received records a copy. One that is downloaded again, because its acknowledgement was
// cut off, has the same MESH message id and is no second copy.
func (l *ledger) received(id string, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[id] {
		return
	}
	l.seen[id] = true
	if e := l.entries[sha256.Sum256(body)]; e != nil {
		e.copies++
		return
	}
	l.wrong++
}

// missing counts the accepted events that have no copy yet.
func (l *ledger) missing() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		if !e.ended.IsZero() && e.copies == 0 {
			n++
		}
	}
	return n
}

// calm reports whether no attempt has failed, and some were accepted, for this long.
func (l *ledger) calm(span time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := time.Now().Add(-span)
	if n := len(l.failed); n > 0 && l.failed[n-1].end.After(since) {
		return false
	}
	n := len(l.accepted)
	return n > 0 && l.accepted[n-1].After(time.Now().Add(-time.Second))
}

// row is a line of the table. Durations are in milliseconds.
type row struct {
	Fault        string   `json:"fault"`
	What         string   `json:"what"`
	FirstFailure int64    `json:"first_failure_ms"` // after the fault; -1 if no attempt failed
	Outage       int64    `json:"outage_ms"`        // the longest time in which nothing was accepted
	Median       int64    `json:"median_ms"`        // from the first attempt to the 202
	P99          int64    `json:"p99_ms"`
	Slowest      int64    `json:"slowest_ms"`
	Failed       int      `json:"failed_attempts"`
	Accepted     int      `json:"accepted"`
	Delivered    int      `json:"delivered"`
	Lost         int      `json:"lost"`
	Doubled      int      `json:"doubled"`
	Unheard      int      `json:"unanswered"` // events without a 202 to the end
	Answer       string   `json:"first_answer,omitempty"`
	LostWhen     []string `json:"lost_accepted_at,omitempty"` // when the lost events were accepted, for the logs
}

// measure fills in what is known when a fault is over. Copies are counted at the end.
func (l *ledger) measure(r *row, from, to time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.FirstFailure = -1
	for _, a := range l.failed {
		if a.end.Before(from) || a.end.After(to) {
			continue
		}
		if r.Failed++; r.FirstFailure < 0 {
			r.FirstFailure, r.Answer = a.end.Sub(from).Milliseconds(), a.answer
		}
	}
	last := from
	for _, at := range l.accepted {
		if at.Before(from) || at.After(to) {
			continue
		}
		r.Outage, last = max(r.Outage, at.Sub(last).Milliseconds()), at
	}
	r.Outage = max(r.Outage, to.Sub(last).Milliseconds())
	var all []time.Duration
	for _, e := range l.entries {
		if !e.ended.Before(from) && !e.ended.After(to) {
			all = append(all, e.ended.Sub(e.began))
		}
	}
	if slices.Sort(all); len(all) > 0 {
		r.Median, r.P99, r.Slowest = all[len(all)/2].Milliseconds(), all[len(all)*99/100].Milliseconds(), all[len(all)-1].Milliseconds()
	}
}

// count fills in what became of the events of a fault.
func (l *ledger) count(r *row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		if e.fault != r.Fault {
			continue
		}
		r.Doubled += max(e.copies-1, 0)
		if e.copies > 0 {
			r.Delivered++
		}
		if e.ended.IsZero() {
			r.Unheard++
			continue
		}
		if r.Accepted++; e.copies == 0 {
			r.Lost++
			r.LostWhen = append(r.LostWhen, fmt.Sprintf("%s (%s after the first attempt)", e.ended.UTC().Format(time.RFC3339Nano), e.ended.Sub(e.began)))
		}
	}
}
