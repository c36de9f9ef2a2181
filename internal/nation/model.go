// Package nation puts the load of a nation, or a multiple of it, on a NEMS, and reports
// what that came to: rates, latencies, backlog, cost, and what the limit was.
package nation

import (
	"math/rand/v2"
	"slices"

	"nems/internal/scenario"
)

// Kind is something that happens to people, and which messages it makes.
type Kind struct {
	Name string `json:"name"`
	// PerDay is how often it happens in a day among People.
	PerDay float64 `json:"perDay"`
	// Events are the messages, in their order.
	Events []string `json:"events"`
	// Child says that it happens to children under five.
	Child bool `json:"child,omitempty"`
}

// People is how many the nation of the model has.
const People = 60_000_000

// What a child's first years make, beside what scenario.Rates has (UK schedules:
// eleven visits for vaccinations until school with about two vaccinations each; one
// blood spot test; one hearing test; two physical examinations; health visitors who
// begin and end).
var perChild = []struct {
	name, event string
	times       float64
}{
	{"vaccination", "vaccinations-1", 20},
	{"blood spot test", "blood-spot-test-outcome-1", 1},
	{"newborn hearing test", "newborn-hearing-1", 1},
	{"newborn physical examination", "nipe-outcome-1", 2},
	{"professional contact", "professional-contacts-1", 4},
}

// made are the messages that a change of a record makes (decision 34). Whatever is not
// listed changes the record alone.
var made = map[string][]string{
	"born": {"pds-birth-notification-1"}, "died": {"pds-death-notification-1", "pds-record-change-1"},
	"registered": {"pds-change-of-gp-1", "pds-record-change-1"}, "deregistered": {"pds-change-of-gp-1", "pds-record-change-1"},
	"added": {"pds-change-of-gp-1", "pds-record-change-1"}, "moved": {"pds-change-of-address-1", "pds-record-change-1"},
}

// perHousehold is how many people move when a household does (ONS: 2.4 on average).
const perHousehold = 2.4

// Model returns the load model, the most frequent first.
func Model() ([]Kind, error) {
	rates, err := scenario.Rates()
	if err != nil {
		return nil, err
	}
	var kinds []Kind
	for name, perPerson := range rates {
		k := Kind{Name: name, PerDay: perPerson * People, Events: made[name]}
		if k.Events == nil {
			k.Events = []string{"pds-record-change-1"}
		}
		if name == "moved" {
			k.PerDay *= perHousehold
		}
		kinds = append(kinds, k)
	}
	for _, c := range perChild {
		kinds = append(kinds, Kind{Name: c.name, PerDay: c.times * rates["born"] * People, Events: []string{c.event}, Child: true})
	}
	slices.SortFunc(kinds, func(a, b Kind) int { return int(b.PerDay - a.PerDay) })
	return kinds, nil
}

// MessagesPerSecond is the nation's mean rate.
func MessagesPerSecond(kinds []Kind) float64 {
	sum := 0.0
	for _, k := range kinds {
		sum += k.PerDay * float64(len(k.Events))
	}
	return sum / (24 * 60 * 60)
}

// draw picks a kind by how often it happens.
func draw(r *rand.Rand, kinds []Kind) *Kind {
	sum := 0.0
	for _, k := range kinds {
		sum += k.PerDay
	}
	at := r.Float64() * sum
	for i := range kinds {
		if at -= kinds[i].PerDay; at < 0 {
			return &kinds[i]
		}
	}
	return &kinds[len(kinds)-1]
}
