package subscription

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Criterion names one condition of a match.
type Criterion string

// The criteria, in the order in which they are explained. A subscription has one
// of those that name a route key; the last two only if it filters by them.
const (
	ByCreation       Criterion = "created"
	ByStatus         Criterion = "active"
	ByEnd            Criterion = "end"
	ByEvent          Criterion = "event"
	ByPatientNumber  Criterion = "patient"
	ByGPPractice     Criterion = "practice"
	ByGPArea         Criterion = "area of the GP practice"
	ByHomeArea       Criterion = "area of the home"
	ByAuthority      Criterion = "local authority"
	ByHomeCountry    Criterion = "country"
	ByAge            Criterion = "age"
	ByGPRegistration Criterion = "registration"
	ByNothing        Criterion = "everybody" // criteria of the MNS that name neither patient nor practice
	// Criteria of the MNS are held against more, late: see Filter.Explain.
	BySuperseded Criterion = "superseded number"
	byFilter     Criterion = "filter " // precedes its name
)

// OfPublisher reports whether a criterion is a filter by something that the publisher
// says of an event and that is neither its patient nor a place.
func (c Criterion) OfPublisher() bool {
	name, is := strings.CutPrefix(string(c), string(byFilter))
	return is && name != FilterNHSNumber && name != FilterPractice && name != FilterRegisteredGP
}

// Explain holds a filter against the attributes of an event. An attribute that an event
// does not have fits no filter.
func (f Filter) Explain(attributes map[string][]string) Finding {
	there := attributes[f.Name]
	out := Finding{Criterion: byFilter + Criterion(f.Name), Wanted: f.Value, Found: strings.Join(there, " and "), Holds: slices.Contains(there, f.Value)}
	switch {
	case f.Name == FilterNHSNumber && out.Holds:
		out.Wanted, out.Found = "one patient", "this patient"
	case f.Name == FilterNHSNumber:
		out.Wanted, out.Found = "one patient", "another patient"
	case len(there) == 0:
		out.Found = "not said"
	}
	return out
}

var keyCriteria = map[Kind]Criterion{
	ByPatient: ByPatientNumber, ByPractice: ByGPPractice, BySubICBOfGP: ByGPArea, BySubICBPostcode: ByHomeArea,
	ByLocalAuthority: ByAuthority, ByCountry: ByHomeCountry, ByEverybody: ByNothing,
}

// Finding is one criterion held against an event: what the subscription wants,
// what was so when the event was accepted, and whether that fits. The texts are
// for people. They hold no NHS number, but they tell of the patient's age and places.
type Finding struct {
	Criterion     Criterion
	Wanted, Found string
	Holds         bool
}

// Explanation says why an event makes a copy for a subscription, or why not.
type Explanation struct {
	Matched  bool // every finding holds
	Findings []Finding
}

// Explain decides what Match decides, one criterion at a time. The subscription may
// be given as it is later than the event: an end that came since counts for nothing.
func Explain(s *Subscription, f *Facts) Explanation {
	findings := append(beforeFacts(s, f.EventCode, f.At), explainKey(s.Criteria.Key(), f))
	if ages := s.Criteria.Ages; len(ages) > 0 {
		filter := ageFilter{facts: f}
		findings = append(findings, Finding{ByAge, agesInWords(ages), foundAge(f), filter.passes(ages)})
	}
	if r := s.Criteria.Registration; r != AnyRegistration {
		findings = append(findings, Finding{ByGPRegistration, registrationInWords(r == RegisteredOnly), foundRegistration(f), registrationPasses(r, f.Registered)})
	}
	return concluded(findings)
}

// ExplainWithoutFacts is Explain for an event of which only code and acceptance are
// known. What the patient decides is left out: if Matched, it is not known whether
// the event matched.
func ExplainWithoutFacts(s *Subscription, code string, at time.Time) Explanation {
	return concluded(beforeFacts(s, code, at))
}

func concluded(findings []Finding) Explanation {
	return Explanation{!slices.ContainsFunc(findings, func(f Finding) bool { return !f.Holds }), findings}
}

// beforeFacts explains what does not depend on the patient.
func beforeFacts(s *Subscription, code string, at time.Time) []Finding {
	codes := s.Criteria.EventCodes()
	end := "has no end"
	if !s.End.IsZero() {
		end = "ends " + moment(s.End)
	}
	status := statusAt(s, at)
	is := statusWords[status]
	if s.Suspended {
		is = s.Error + " (since when, the audit says)"
	}
	return []Finding{
		{ByCreation, "created before the event, " + moment(at), "created " + moment(s.Created), !s.Created.After(at)},
		{ByStatus, "active", is, status == Active},
		{ByEnd, "not over at " + moment(at), end, !ended(s.End, at)},
		{ByEvent, strings.Join(codes, " or "), code, slices.Contains(codes, code)},
	}
}

// statusAt is the status at a moment. A subscription that is over was active until
// its end.
func statusAt(s *Subscription, at time.Time) Status {
	if s.Status == Off && !s.Rejected && !s.End.IsZero() && !ended(s.End, at) {
		return Active
	}
	return s.Status
}

var statusWords = map[Status]string{Requested: "waits for an operator's approval", Active: "active", Off: "off"}

func explainKey(want RouteKey, f *Facts) Finding {
	out := Finding{Criterion: keyCriteria[want.Kind], Wanted: want.Value, Holds: slices.Contains(f.Keys, want)}
	var found []string
	for _, k := range f.Keys {
		if k.Kind == want.Kind {
			found = append(found, k.Value)
		}
	}
	out.Found = strings.Join(found, " and ")
	switch {
	case want.Kind == ByEverybody:
		out.Wanted, out.Found = "everybody", "everybody"
	case want.Kind != ByPatient && len(found) == 0:
		out.Found = "not known"
	case want.Kind == ByPatient:
		out.Wanted, out.Found = "one patient", "another patient"
		if out.Holds {
			out.Found = "this patient"
		} else if len(found) == 0 {
			out.Found = "nobody who is named by an NHS number"
		}
	}
	return out
}

func foundAge(f *Facts) string {
	if f.BirthDate.IsZero() {
		return "not known"
	}
	return years(YearsOld(f.BirthDate, f.At))
}

func years(n int) string {
	if n == 1 {
		return "1 year"
	}
	return strconv.Itoa(n) + " years"
}

func foundRegistration(f *Facts) string {
	if f.Registered == nil {
		return "not known"
	}
	return registrationInWords(*f.Registered)
}

func registrationInWords(registered bool) string {
	if registered {
		return "registered with a GP practice"
	}
	return "not registered with a GP practice"
}

// agesInWords says which ages a list of filters accepts.
func agesInWords(ages []Age) string {
	r := rangeOf(ages)
	switch {
	case r.min == 0 && r.max == noLimit:
		return "known"
	case r.max == noLimit:
		return years(r.min) + " or older"
	case r.min == r.max:
		return years(r.min)
	case r.min == 0:
		return "under " + years(r.max+1)
	}
	return strconv.Itoa(r.min) + " to " + years(r.max)
}

// moment writes a time for people, with no more digits than it has.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999999 UTC") }

// Fact is what was so of an event, in the words of a Finding.
type Fact struct {
	Criterion Criterion
	Value     string
}

// InWords lists what criteria can ask of an event's patient: places, age and
// registration. Who the patient is, it does not say.
func (f *Facts) InWords() []Fact {
	var out []Fact
	for _, k := range f.Keys {
		if k.Kind != ByPatient && k.Kind != ByEverybody {
			out = append(out, Fact{keyCriteria[k.Kind], k.Value})
		}
	}
	return append(out, Fact{ByAge, foundAge(f)}, Fact{ByGPRegistration, foundRegistration(f)})
}
