//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"nems/client"
	"nems/internal/refuse"
)

// digest stands for a message.
type digest [sha256.Size]byte

// verdict is what the publisher of a message was told.
type verdict int

const (
	unanswered verdict = iota // no answer, or 503: it may be stored or not
	accepted
	refused
	turnedAway // because of its token, not of its content: with a new token it may be accepted
	broken     // 500: a defect, whatever else goes wrong
	afterwards // accepted, but after the power was cut: nobody would have received the answer
)

// entry is one published message.
type entry struct {
	fault   string
	sound   bool // it must not be refused; all others must be
	verdict verdict
	boxes   []string // that must have a copy if it was accepted
	copies  map[string]int
}

// ledger records what publishers were told and what subscribers received. It is
// safe for concurrent use.
type ledger struct {
	mu      sync.Mutex
	next    int
	bad     []byte // the beginning of messages that must be refused
	entries map[digest]*entry
	seen    map[string]bool   // mailbox and MESH message id
	taken   map[string]bool   // of these, those whose acknowledgement was answered
	wrong   map[string]int    // by fault: copies of messages that were not published
	back    map[string]int    // by fault: copies that came although they were taken before
	said    map[string]string // by fault: the first answer that was wrong for its message
	now     string            // the present fault
	dark    bool              // the power is cut
	boxes   []string
}

func newLedger(bad []byte) *ledger {
	return &ledger{
		bad: bad, entries: map[digest]*entry{}, seen: map[string]bool{}, taken: map[string]bool{},
		wrong: map[string]int{}, back: map[string]int{}, said: map[string]string{},
	}
}

// begin records which fault follows and which mailboxes get copies.
func (l *ledger) begin(fault string, boxes ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.boxes = fault, boxes
}

// issue makes a message that differs from all others, and records it.
func (l *ledger) issue(base []byte) ([]byte, digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	message := fmt.Appendf(append([]byte{}, base...), "<!-- %d -->", l.next)
	d := sha256.Sum256(message)
	l.entries[d] = &entry{fault: l.now, sound: !bytes.Equal(base, l.bad), boxes: l.boxes, copies: map[string]int{}}
	return message, d
}

// told records the answer to a publish. While the power is cut nobody receives answers.
func (l *ledger) told(d digest, answer error) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, v := l.entries[d], judge(answer)
	switch e.verdict = v; {
	case l.dark && v == accepted:
		e.verdict = afterwards
	case l.dark:
		e.verdict = unanswered
	}
	if e.undeserved() && l.said[e.fault] == "" {
		l.said[e.fault] = fmt.Sprintf("sound %v: %v", e.sound, answer)
	}
	return v
}

// judge says what an answer to a publish means.
func judge(answer error) verdict {
	var e *client.Error
	switch {
	case answer == nil:
		return accepted
	case !errors.As(answer, &e), e.Status == http.StatusTooManyRequests, e.Status == http.StatusServiceUnavailable:
		return unanswered
	case len(e.Issues) > 0 && e.Issues[0].Code == string(refuse.MissingOrInvalidHeaderCode):
		return turnedAway
	case e.Status < http.StatusInternalServerError:
		return refused
	}
	return broken
}

// undeserved reports whether such a message must not get this answer.
func (e *entry) undeserved() bool {
	return e.verdict == broken || e.sound && e.verdict == refused || !e.sound && e.verdict == accepted
}

// goDark records whether the power is cut.
func (l *ledger) goDark(dark bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dark = dark
}

// inTheDark counts the messages that were accepted after the power was cut, and
// those of them without a copy.
func (l *ledger) inTheDark() (told, lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		if e.verdict == afterwards {
			told++
			if len(e.copies) == 0 {
				lost++
			}
		}
	}
	return told, lost
}

// wasTaken reports whether the acknowledgement of a copy was answered. Then the
// copy must not be in the mailbox any more.
func (l *ledger) wasTaken(box, id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken[box+" "+id]
}

// hasSeen reports whether a copy was downloaded before.
func (l *ledger) hasSeen(box, id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[box+" "+id]
}

// took records the answer to an acknowledgement. While the power is cut nobody
// receives answers.
func (l *ledger) took(box, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken[box+" "+id] = !l.dark
}

// cameBack records a copy that was downloaded although it had been taken before.
func (l *ledger) cameBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back[l.now]++
}

// received records a copy. A copy that is downloaded again, because its
// acknowledgement was cut off, is recognised by its message id.
func (l *ledger) received(box, id string, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[box+" "+id] {
		return
	}
	l.seen[box+" "+id] = true
	if e := l.entries[sha256.Sum256(body)]; e != nil {
		e.copies[box]++
		return
	}
	l.wrong[l.now]++
}

// accepted returns the messages that were accepted during a fault so far.
func (l *ledger) accepted(fault string) (out []digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for d, e := range l.entries {
		if e.fault == fault && e.verdict == accepted {
			out = append(out, d)
		}
	}
	return out
}

// missing counts the missing copies of accepted messages.
func (l *ledger) missing() int {
	n := 0
	for _, r := range l.sums() {
		n += r.Missing
	}
	return n
}

// sums returns the table's figures by fault.
func (l *ledger) sums() map[string]row {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]row{}
	for _, e := range l.entries {
		r := out[e.fault]
		e.count(&r)
		out[e.fault] = r
	}
	for f, n := range l.wrong {
		r := out[f]
		r.Wrong += n
		out[f] = r
	}
	for f, n := range l.back {
		r := out[f]
		r.Doubled, r.Repeated = r.Doubled+n, r.Repeated+n
		out[f] = r
	}
	for f, said := range l.said {
		r := out[f]
		r.Note = said
		out[f] = r
	}
	return out
}

// count adds one message to the figures.
func (e *entry) count(r *row) {
	for box, n := range e.copies {
		if n > 1 {
			r.Doubled += n - 1
			if !elsewhere(box) {
				r.Repeated += n - 1
			}
		}
		if e.verdict == refused || e.verdict == turnedAway {
			r.Wrong += n
		}
	}
	if e.undeserved() {
		r.Wrong++
	}
	if e.verdict == unanswered && len(e.copies) > 0 {
		r.Unheard++
	}
	if e.verdict != accepted {
		return
	}
	r.Acknowledged++
	for _, box := range e.boxes {
		if e.copies[box] == 0 {
			r.Missing++
		}
	}
	if len(e.copies) == 0 {
		r.Lost++
	}
}
