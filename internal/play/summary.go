package play

import (
	"nems/internal/operator"
	"slices"
	"time"
)

// Summary is what a play came to.
type Summary struct {
	Name  string    `json:"name"`
	Seed  uint64    `json:"seed"`
	Start time.Time `json:"start"`
	// Steps is how many there are, Done how many were done now. Next is the one to go
	// on with (--from), 0 if there is none.
	Steps int `json:"steps"`
	Done  int `json:"done"`
	Next  int `json:"next,omitempty"`
	// Until is the moment of the last step that was done.
	Until time.Time `json:"until,omitzero"`
	// Changes are those of records. Silent ones made no event.
	Changes int           `json:"changes"`
	Silent  int           `json:"silent"`
	Refused int           `json:"refused"`
	Retries int           `json:"retries"` // attempts after the first
	Events  []*EventTally `json:"events"`
	// Faults says how often each was done in the whole play.
	Faults map[string]int `json:"faults,omitempty"`

	// Took is how many seconds the play took.
	Took float64 `json:"took"`

	ids map[string]int // MessageHeader.ids of events that are to be counted, and how often each was accepted
}

// EventTally counts the events of one type.
type EventTally struct {
	EventType string `json:"eventType"`
	Made      int    `json:"made"`
	Accepted  int    `json:"accepted"` // messages that the service has accepted, duplicates too
	Withheld  int    `json:"withheld"` // of those: the patient is flagged, as far as that is known
	Refused   int    `json:"refused"`
	Copies    int64  `json:"copies"`
}

func newSummary(p *Plan, o Options, all []step, faults map[string]int) *Summary {
	s := &Summary{Name: p.Name, Seed: o.Seed, Start: p.Start.UTC(), Steps: len(all), Events: []*EventTally{}, Faults: faults, ids: map[string]int{}}
	return s
}

// of is the tally of an event type.
func (s *Summary) of(code string) *EventTally {
	i, found := slices.BinarySearchFunc(s.Events, code, func(e *EventTally, code string) int {
		switch {
		case e.EventType < code:
			return -1
		case e.EventType > code:
			return 1
		}
		return 0
	})
	if !found {
		s.Events = slices.Insert(s.Events, i, &EventTally{EventType: code})
	}
	return s.Events[i]
}

// accepted counts what the service has taken.
func (s *Summary) accepted(st *step, done operator.RecordChanged) {
	if a := st.act; a.message != nil {
		t := s.of(a.event)
		t.Accepted++
		if !st.again {
			t.Made++
		}
		if !st.again || st.key != a.id.String() {
			s.ids[a.eventID]++
		}
		return
	}
	if st.again {
		return
	}
	s.Changes++
	if len(done.Events) == 0 {
		s.Silent++
	}
	for _, e := range done.Events {
		t := s.of(e.EventType)
		t.Made++
		t.Accepted++
		if e.Withheld {
			t.Withheld++
		}
		s.ids[e.MessageID]++
	}
}

// refused counts what the service has refused.
func (s *Summary) refused(st *step) {
	s.Refused++
	if st.act.message == nil {
		s.Changes++
		return
	}
	t := s.of(st.act.event)
	t.Refused++
	if !st.again {
		t.Made++
	}
}

// count takes the copies of each event type.
func (s *Summary) count(copies map[string]int64) {
	for code, n := range copies {
		s.of(code).Copies += n
	}
	clear(s.ids)
}
