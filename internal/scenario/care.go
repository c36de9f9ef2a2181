package scenario

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"nems/internal/nhs"
)

// How often screenings find something, of a thousand. The figures are of the order of
// the national ones (NHS newborn screening programmes, annual standards reports).
const (
	bloodSpotFinds = 2
	hearingRefers  = 25
	nipeFinds      = 15
	notGivenRate   = 40 // vaccinations that are not given: coverage is a little above 90 %
)

// oneOf chooses clear, or with a chance of a thousand something else.
func oneOf(r *rand.Rand, perThousand int, words ...string) string {
	if r.IntN(1000) < perThousand {
		return words[r.IntN(len(words))]
	}
	return clear
}

// onDay is a moment in working hours, so many days after another.
func onDay(from time.Time, days int, r *rand.Rand) time.Time {
	t := midnight(from).AddDate(0, 0, days)
	const first, hours = 9, 8
	return time.Date(t.Year(), t.Month(), t.Day(), first+r.IntN(hours), r.IntN(60), 0, 0, nhs.UnitedKingdom())
}

// weekday moves a moment from a weekend to the Monday after it.
func weekday(t time.Time) time.Time {
	switch t.Weekday() {
	case time.Saturday:
		return t.AddDate(0, 0, 2)
	case time.Sunday:
		return t.AddDate(0, 0, 1)
	}
	return t
}

// careRegistration: the child is registered with the mother's practice, two to six
// weeks after the birth.
func (s *stage) careRegistration(a *actor, r *rand.Rand, add func(time.Time, doer)) {
	add(weekday(onDay(a.bornAt, 14+r.IntN(28), r)), func(m *moment) ([]Deed, *fault) {
		practice := ""
		if mother := m.people[a.Mother]; mother != nil {
			practice = mother.Practice
		}
		if practice == "" {
			practice = m.somePractice(m.chance, a)
		}
		return []Deed{Registered{Practice: practice}}, nil
	})
}

// careNIPE: newborns are examined within 72 hours, and again at 6 to 8 weeks (NIPE
// screening programme).
func (s *stage) careNIPE(a *actor, r *rand.Rand, add func(time.Time, doer)) {
	hours := 6 + r.IntN(60)
	first, second := oneOf(r, nipeFinds, "hips", "eyes", "heart"), oneOf(r, nipeFinds, "hips", "eyes", "heart")
	add(a.bornAt.Add(time.Duration(hours)*time.Hour), func(m *moment) ([]Deed, *fault) { return []Deed{m.nipe(false, first)}, nil })
	add(weekday(onDay(a.bornAt, 42+r.IntN(13), r)), func(m *moment) ([]Deed, *fault) { return []Deed{m.nipe(true, second)}, nil })
}

// careBloodSpot: the sample is taken on day 5; the outcome of all nine conditions
// arrives in the morning of day 14 if it is complete by day 13, as 85 in a hundred are
// (Blood Spot Messaging Implementation Review), and else on one of the days after.
func careBloodSpot(a *actor, r *rand.Rand, add func(time.Time, doer)) {
	const outcome, complete = 14, 85
	days := outcome
	if r.IntN(100) >= complete {
		days += 1 + r.IntN(7)
	}
	word := oneOf(r, bloodSpotFinds, Conditions()...)
	at := midnight(a.bornAt).AddDate(0, 0, days).Add(7*time.Hour + time.Duration(r.IntN(60))*time.Minute)
	add(at, func(m *moment) ([]Deed, *fault) { return []Deed{m.bloodSpot(word)}, nil })
}

// careHearing: before the hospital discharges the child, or by four to five weeks
// (newborn hearing screening programme).
func careHearing(a *actor, r *rand.Rand, add func(time.Time, doer)) {
	days := 1 + r.IntN(3)
	if r.IntN(3) == 0 { // areas that screen in the community
		days = 7 + r.IntN(28)
	}
	word := oneOf(r, hearingRefers, "left", "right", "both")
	add(onDay(a.bornAt, days, r), func(m *moment) ([]Deed, *fault) { return []Deed{m.hearing(word)}, nil })
}

// careVisitor: the health visitor comes first between day 10 and 14, and the child
// leaves the service for school nursing at five (Healthy Child Programme).
func careVisitor(a *actor, r *rand.Rand, add func(time.Time, doer)) {
	add(onDay(a.bornAt, 10+r.IntN(5), r), func(m *moment) ([]Deed, *fault) { return []Deed{m.visiting("new")}, nil })
	const school = 5 // years
	add(weekday(onDay(a.bornAt.AddDate(school, 0, 0), r.IntN(30), r)), func(m *moment) ([]Deed, *fault) { return []Deed{m.visiting("update")}, nil })
}

// careVaccinations: each appointment of the schedule, up to three weeks late.
func (s *stage) careVaccinations(a *actor, r *rand.Rand, add func(time.Time, doer)) {
	const late = 21 // days
	for _, at := range s.routine.visits(a.BirthDate) {
		of := rand.New(rand.NewPCG(r.Uint64(), 0)) //nolint:gosec // nothing secret
		when := weekday(onDay(at.span.After(midnight(a.bornAt)), of.IntN(late), of))
		reason := ""
		if of.IntN(1000) < notGivenRate {
			reason = slices.Sorted(maps.Keys(s.routine.Reasons))[of.IntN(len(s.routine.Reasons))]
		}
		for _, name := range slices.Sorted(maps.Keys(at.Give)) {
			add(when, func(m *moment) ([]Deed, *fault) {
				return []Deed{m.jab(at, name, at.Give[name], jab{reason: reason})}, nil
			})
		}
	}
}
