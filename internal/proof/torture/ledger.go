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
	turnedAway // for its token, not for what it says: with a new one it may be accepted
	broken     // 500: a defect, whatever else goes wrong
	afterwards // accepted, but the power was cut already: nobody would have heard it
)

// entry is one published message.
type entry struct {
	fault   string
	sound   bool // it must not be refused; others must be
	verdict verdict
	boxes   []string // that must have a copy if it was accepted
	copies  map[string]int
}

// ledger is what publishers were told and subscribers received. Safe for
// concurrent use.
type ledger struct {
	mu      sync.Mutex
	next    int
	bad     []byte // what messages begin with that must be refused
	entries map[digest]*entry
	seen    map[string]bool   // mailbox and MESH message id
	taken   map[string]bool   // of these, those whose acknowledgement was answered
	wrong   map[string]int    // by fault: copies of nothing that was published
	back    map[string]int    // by fault: copies that came although they were taken
	said    map[string]string // by fault: the first answer that a message did not deserve
	now     string            // the fault of the moment
	dark    bool              // the power is cut
	boxes   []string
}

func newLedger(bad []byte) *ledger {
	return &ledger{
		bad: bad, entries: map[digest]*entry{}, seen: map[string]bool{}, taken: map[string]bool{},
		wrong: map[string]int{}, back: map[string]int{}, said: map[string]string{},
	}
}

// begin says which fault follows and which mailboxes get copies.
func (l *ledger) begin(fault string, boxes ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.boxes = fault, boxes
}

// issue makes a message that differs from all others, and enters it.
func (l *ledger) issue(base []byte) ([]byte, digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	message := fmt.Appendf(append([]byte{}, base...), "<!-- %d -->", l.next)
	d := sha256.Sum256(message)
	l.entries[d] = &entry{fault: l.now, sound: !bytes.Equal(base, l.bad), boxes: l.boxes, copies: map[string]int{}}
	return message, d
}

// told notes the answer to a publish. Once the power is cut nobody hears it.
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

// undeserved tells whether the answer is none that such a message may get.
func (e *entry) undeserved() bool {
	return e.verdict == broken || e.sound && e.verdict == refused || !e.sound && e.verdict == accepted
}

// goDark says whether the power is cut.
func (l *ledger) goDark(dark bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dark = dark
}

// inTheDark counts the messages that were accepted after the power was cut, and
// those of them that have no copy.
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

// wasTaken tells whether the acknowledgement of a copy was answered: it must not
// be there any more.
func (l *ledger) wasTaken(box, id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken[box+" "+id]
}

// hasSeen tells whether a copy was downloaded before.
func (l *ledger) hasSeen(box, id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[box+" "+id]
}

// took notes the answer to an acknowledgement. Once the power is cut nobody hears
// it.
func (l *ledger) took(box, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken[box+" "+id] = !l.dark
}

// cameBack notes a copy that was downloaded although it had been taken before.
func (l *ledger) cameBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back[l.now]++
}

// received notes a copy. One that is downloaded again, because its
// acknowledgement was cut off, is the same copy: its message id says so.
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

// accepted are the messages that were accepted during a fault so far.
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

// missing counts the copies that accepted messages lack.
func (l *ledger) missing() int {
	n := 0
	for _, r := range l.sums() {
		n += r.Missing
	}
	return n
}

// sums is the table's figures by fault.
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
