package audit

import (
	"sync"
	"time"

	"nems/internal/nhs"
)

// maxCallers limits how many callers a Throttle tells apart within a second;
// those beyond share one allowance.
const maxCallers = 4096

// Throttle keeps refusals from flooding the audit: of each caller's so many a
// second are recorded one by one, the others are counted and recorded as one
// entry when the second is over. Safe for concurrent use.
type Throttle struct {
	limit int

	mu      sync.Mutex
	second  int64
	callers map[caller]*allowance
}

// caller tells callers apart as far as they are known when they are refused.
type caller struct {
	certificate string
	asid        nhs.ASID
}

type allowance struct {
	recorded int
	rest     Entry // stands for those that were not recorded; Count is how many
}

// NewThrottle returns a Throttle that lets limit entries of a caller through
// in each second.
func NewThrottle(limit int) *Throttle {
	return &Throttle{limit: limit, callers: map[caller]*allowance{}}
}

// Admit takes a refusal's entry and returns what is to be recorded now: the
// entry itself while the caller's allowance lasts, and before it the counts
// of a second that is over. Its second is that of e.At.
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
		// What varies between the entries is not said of them together.
		a.rest = Entry{At: e.At, Action: e.Action, Certificate: who.certificate, ASID: who.asid,
			Outcome: e.Outcome, Status: e.Status}
	}
	a.rest.Count++
	return out
}

// Flush returns the counts of a second that is over as of now; a ticker calls
// it, so that a caller who fell silent is recorded too.
func (t *Throttle) Flush(now time.Time) []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.roll(now)
}

// roll begins a new second when at lies in another than the present one.
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
