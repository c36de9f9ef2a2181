package audit

import (
	"sync"
	"time"

	"nems/internal/nhs"
)

// maxCallers limits how many callers a Throttle distinguishes within a second.
// Callers beyond that share one allowance.
const maxCallers = 4096

// Throttle prevents refusals from flooding the audit. For each caller a limited
// number a second is recorded one by one. The others are counted, and recorded
// as one entry when the second is over. Safe for concurrent use.
type Throttle struct {
	limit int

	mu      sync.Mutex
	second  int64
	callers map[caller]*allowance
}

// caller identifies a caller by what is known when the request is refused.
type caller struct {
	certificate string
	asid        nhs.ASID
}

type allowance struct {
	recorded int
	rest     Entry // stands for the entries that were not recorded; Count is how many
}

// NewThrottle returns a Throttle that lets through limit entries of each caller
// in each second.
func NewThrottle(limit int) *Throttle {
	return &Throttle{limit: limit, callers: map[caller]*allowance{}}
}

// Admit takes the entry of a refusal and returns what is to be recorded now:
// the counts of a second that is over, and then the entry itself if the
// caller's allowance lasts. The second is that of e.At.
func (t *Throttle) Admit(e Entry) []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.roll(e.At)
	who := caller{e.Certificate, e.ASID}
	a := t.callers[who]
	if a == nil {
		if len(t.callers) >= maxCallers {
			who = caller{}
			a = t.callers[who]
		}
		if a == nil {
			a = &allowance{}
			t.callers[who] = a
		}
	}
	if a.recorded < t.limit {
		a.recorded++
		return append(out, e)
	}
	if a.rest.Count == 0 {
		// Fields that differ between the entries are left empty in the one that stands for them.
		a.rest = Entry{At: e.At, Action: e.Action, Certificate: who.certificate, ASID: who.asid,
			Outcome: e.Outcome, Status: e.Status}
	}
	a.rest.Count++
	return out
}

// Flush returns the counts of a second that is over at now. A ticker calls it,
// so that a caller who has stopped calling is recorded too.
func (t *Throttle) Flush(now time.Time) []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.roll(now)
}

// roll begins a new second if at is not in the current one.
func (t *Throttle) roll(at time.Time) []Entry {
	if at.Unix() == t.second {
		return nil
	}
	t.second = at.Unix()
	var out []Entry
	for _, a := range t.callers {
		if a.rest.Count > 0 {
			out = append(out, a.rest)
		}
	}
	clear(t.callers)
	return out
}
