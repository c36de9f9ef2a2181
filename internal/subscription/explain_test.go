package subscription

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anySubscription draws a subscription that was created before acceptance.
func anySubscription(t *rapid.T) Subscription {
	ages := func() []Age {
		op := rapid.SampledFrom([]AgeOp{Equal, Less, LessOrEqual, Greater, GreaterOrEqual})
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Age { return Age{op.Draw(t, "op"), rapid.IntRange(6, 10).Draw(t, "years")} }), 0, 2).Draw(t, "ages")
	}
	c := Criteria{Events: rapid.SampledFrom([][]string{{"vaccinations-1"}, {"pds-change-of-gp-1"}, {"pds-change-of-gp-1", "vaccinations-1"}}).Draw(t, "events"),
		Ages: ages(), Registration: Registration(rapid.IntRange(0, 2).Draw(t, "registration"))}
	switch rule := rapid.SampledFrom([]string{"", RulePractice, RuleSubICBOfGP, RuleSubICBPostcode, RuleLocalAuthority, RuleCountry}).Draw(t, "rule"); rule {
	case "":
		c.Patient = rapid.SampledFrom([]Criteria{mustParse(explicit), mustParse(strings.Replace(explicit, aNumber, "9990000034", 1))}).Draw(t, "patient").Patient
	default:
		c.Rule, c.Organisation = rule, rapid.SampledFrom([]string{"15F", "X2458"}).Draw(t, "organisation")
	}
	s := Subscription{ID: numbered(1), Criteria: c, Status: rapid.SampledFrom([]Status{Active, Active, Active, Requested, Off}).Draw(t, "status"),
		Created: acceptance.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "age of the subscription")))}
	if after := rapid.IntRange(-3, 3).Draw(t, "end"); after != 3 && s.Status != Off {
		s.End = acceptance.Add(time.Duration(after))
	}
	return s
}

func mustParse(text string) Criteria {
	c, err := ParseCriteria(text)
	if err != nil {
		panic(err)
	}
	return c
}

func anyFacts(t *rapid.T) Facts {
	f := Facts{EventCode: "vaccinations-1", At: acceptance, Registered: rapid.SampledFrom([]*bool{nil, &yes, &no}).Draw(t, "registered")}
	keys := []RouteKey{person, home, {ByPractice, "15F"}, {BySubICBOfGP, "X2458"}, {ByLocalAuthority, "15F"}, {ByCountry, "X2458"}}
	for _, k := range keys {
		if rapid.Bool().Draw(t, "key") {
			f.Keys = append(f.Keys, k)
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "known") > 0 {
		f.BirthDate = acceptance.AddDate(-rapid.IntRange(5, 11).Draw(t, "years"), 0, 0)
	}
	return f
}

// Explain comes to what Match came to at acceptance, also when it is asked after the
// end of the subscription.
func TestExplainAgreesWithMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, f := anySubscription(t), anyFacts(t)
		c := Candidate{ID: s.ID, Key: s.Criteria.Key(), Ages: s.Criteria.Ages, Registration: s.Criteria.Registration, Status: s.Status, End: s.End}
		want := slices.Contains(s.Criteria.Events, f.EventCode) && len(Match([]Candidate{c}, f)) == 1
		if got := Explain(&s, &f); got.Matched != want {
			t.Fatalf("Explain = %+v, Match finds it: %t", got, want)
		}
		if s.Status == Active && !s.End.IsZero() {
			s.Status = Off // it is asked later
			if got := Explain(&s, &f); got.Matched != want {
				t.Fatalf("after its end: Explain = %+v, Match finds it: %t", got, want)
			}
		}
	})
}

func TestExplainInWords(t *testing.T) {
	parsed := func(components string) Criteria { return mustParse("/Bundle?type=message" + components) }
	generic := func(rule, code string) string {
		return "&MessageHeader.event=vaccinations-1&subscriptionRuleType=" + rule + "&Organization.identifier=" + code
	}
	early := func(s *Subscription) {}
	born := facts(func(f *Facts) { f.Keys = append(f.Keys, RouteKey{BySubICBPostcode, "X2458"}) })
	nobody := Facts{EventCode: "vaccinations-1", At: acceptance}
	for name, test := range map[string]struct {
		criteria  Criteria
		change    func(*Subscription)
		facts     Facts
		criterion Criterion
		want      Finding
	}{
		"its patient":     {mustParse(explicit), early, born, ByPatientNumber, Finding{"", "one patient", "this patient", true}},
		"another patient": {mustParse(strings.Replace(explicit, aNumber, "9990000034", 1)), early, born, ByPatientNumber, Finding{"", "one patient", "another patient", false}},
		"a birth":         {mustParse(explicit), early, nobody, ByPatientNumber, Finding{"", "one patient", "nobody who is named by an NHS number", false}},
		"two homes":       {parsed(generic(RuleSubICBPostcode, "X2458")), early, born, ByHomeArea, Finding{"", "X2458", "15F and X2458", true}},
		"no practice":     {parsed(generic(RulePractice, "B86056")), early, born, ByGPPractice, Finding{"", "B86056", "not known", false}},
		"too old":         {parsed(generic(RuleSubICBPostcode, "15F") + "&Patient.age=lt5"), early, born, ByAge, Finding{"", "under 5 years", "8 years", false}},
		"a range":         {parsed(generic(RuleSubICBPostcode, "15F") + "&Patient.age=gt4&Patient.age=le8"), early, born, ByAge, Finding{"", "5 to 8 years", "8 years", true}},
		"no age":          {parsed(generic(RuleSubICBPostcode, "15F") + "&Patient.age=ge0"), early, nobody, ByAge, Finding{"", "known", "not known", false}},
		"one year":        {parsed(generic(RuleSubICBPostcode, "15F") + "&Patient.age=1"), early, born, ByAge, Finding{"", "1 year", "8 years", false}},
		"and older":       {parsed(generic(RuleSubICBPostcode, "15F") + "&Patient.age=gt7"), early, born, ByAge, Finding{"", "8 years or older", "8 years", true}},
		"registered": {parsed(generic(RuleSubICBPostcode, "15F") + "&GPRegistration=UnregisteredOnly"), early, born, ByGPRegistration,
			Finding{"", "not registered with a GP practice", "registered with a GP practice", false}},
		"created since": {mustParse(explicit), func(s *Subscription) { s.Created = acceptance.Add(time.Second) }, born, ByCreation,
			Finding{"", "created before the event, 2026-06-15 12:00:00 UTC", "created 2026-06-15 12:00:01 UTC", false}},
		"waits": {mustParse(explicit), func(s *Subscription) { s.Status = Requested }, born, ByStatus, Finding{"", "active", "waits for an operator's approval", false}},
		"over": {mustParse(explicit), func(s *Subscription) { s.End = acceptance }, born, ByEnd,
			Finding{"", "not over at 2026-06-15 12:00:00 UTC", "ends 2026-06-15 12:00:00 UTC", false}},
		"another event": {mustParse(explicit), early, facts(func(f *Facts) { f.EventCode = "pds-death-notification-1" }), ByEvent,
			Finding{"", strings.Join(mustParse(explicit).EventCodes(), " or "), "pds-death-notification-1", false}},
	} {
		t.Run(name, func(t *testing.T) {
			s := Subscription{Criteria: test.criteria, Status: Active, Created: acceptance.Add(-time.Hour)}
			test.change(&s)
			test.want.Criterion = test.criterion
			e := Explain(&s, &test.facts)
			if !slices.Contains(e.Findings, test.want) || e.Matched && !test.want.Holds {
				t.Errorf("expected %+v; received %+v", test.want, e)
			}
		})
	}
}

func TestFactsInWords(t *testing.T) {
	f := facts()
	want := []Fact{{ByHomeArea, "15F"}, {ByAge, "8 years"}, {ByGPRegistration, "registered with a GP practice"}}
	if got := f.InWords(); !slices.Equal(got, want) {
		t.Errorf("expected %v; received %v", want, got)
	}
}

func TestExplainWithoutFacts(t *testing.T) {
	s := Subscription{Criteria: mustParse(explicit), Status: Active, Created: acceptance}
	if e := ExplainWithoutFacts(&s, s.Criteria.Events[0], acceptance); !e.Matched || len(e.Findings) != 4 {
		t.Errorf("received %+v", e)
	}
	if e := ExplainWithoutFacts(&s, "another-1", acceptance); e.Matched {
		t.Errorf("received %+v", e)
	}
}

func TestSentence(t *testing.T) {
	names := Names{
		Place: func(k RouteKey) string {
			return map[string]string{"E08000035": "Leeds", "B86056": "Oakwood Surgery (B86056)"}[k.Value]
		},
		Event: func(code string) string {
			return map[string]string{"vaccinations-1": "vaccinations", "pds-change-of-gp-1": "changes of GP"}[code]
		},
	}
	rule := func(rule, code, more string) string {
		return "&MessageHeader.event=vaccinations-1&subscriptionRuleType=" + rule + "&Organization.identifier=" + code + more
	}
	leeds := func(more string) string { return rule(RuleLocalAuthority, "E08000035", more) }
	patient := "&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + aNumber
	for criteria, want := range map[string]string{
		leeds("&Patient.age=lt5"):                   "children under 5 living in Leeds, any GP practice: vaccinations",
		leeds(""):                                   "patients living in Leeds, any GP practice: vaccinations",
		leeds("&Patient.age=ge18"):                  "adults living in Leeds, any GP practice: vaccinations",
		leeds("&Patient.age=gt64"):                  "adults aged 65 or over living in Leeds, any GP practice: vaccinations",
		leeds("&Patient.age=ge5"):                   "patients aged 5 or over living in Leeds, any GP practice: vaccinations",
		leeds("&Patient.age=ge5&Patient.age=lt12"):  "children aged 5 to 11 living in Leeds, any GP practice: vaccinations",
		leeds("&Patient.age=ge16&Patient.age=le25"): "patients aged 16 to 25 living in Leeds, any GP practice: vaccinations",
		leeds("&Patient.age=eq3"):                   "children aged 3 living in Leeds, any GP practice: vaccinations",
		leeds("&Patient.age=40"):                    "adults aged 40 living in Leeds, any GP practice: vaccinations",
		leeds("&Patient.age=ge0"):                   "patients of known age living in Leeds, any GP practice: vaccinations",
		leeds("&GPRegistration=RegisteredOnly"):     "patients living in Leeds, only while registered with a GP practice: vaccinations",
		leeds("&GPRegistration=UnregisteredOnly"):   "patients living in Leeds, only while not registered with a GP practice: vaccinations",
		leeds("&tag=a&serviceType=GP"):              "patients living in Leeds, any GP practice: vaccinations",
		rule(RulePractice, "b86056", ""):            "patients of the GP practice Oakwood Surgery (B86056): vaccinations",
		rule(RuleSubICBOfGP, "02V", ""):             "patients of the GP practices in 02V: vaccinations",
		rule(RuleSubICBPostcode, "15F", ""):         "patients living in 15F, any GP practice: vaccinations",
		rule(RuleCountry, "W92000004", ""):          "patients living in Wales, any GP practice: vaccinations",
		patient + "&MessageHeader.event=vaccinations-1&MessageHeader.event=pds-change-of-gp-1": "one patient: changes of GP, vaccinations",
		patient + "&MessageHeader.event=other-1&Patient.age=lt5":                               "one patient, of the age: under 5 years: other-1",
	} {
		if got := Sentence(mustParse("/Bundle?type=message"+criteria), names); got != want {
			t.Errorf("%s: expected %q; received %q", strings.ReplaceAll(criteria, aNumber, "N"), want, got)
		}
	}
	if got := Sentence(mustParse("/Bundle?type=message"+leeds("")), Names{}); got != "patients living in E08000035, any GP practice: vaccinations-1" {
		t.Errorf("without names: %q", got)
	}
}

// Every country that criteria accept has a name.
func TestCountriesHaveNames(t *testing.T) {
	for _, code := range countries {
		if countryNames[code] == "" {
			t.Errorf("%s has none", code)
		}
	}
}

// One that was rejected never matched, although it ended after the event.
func TestRejectedOnesNeverMatched(t *testing.T) {
	s := Subscription{ID: numbered(1), Criteria: mustParse(explicit), Status: Off, Rejected: true, Created: acceptance.Add(-time.Hour), End: acceptance.Add(time.Hour)}
	f := Facts{EventCode: s.Criteria.Events[0], At: acceptance, Keys: []RouteKey{s.Criteria.Key()}}
	if Explain(&s, &f).Matched {
		t.Error("it is told that it matched")
	}
	if s.Rejected = false; !Explain(&s, &f).Matched {
		t.Error("one that ended later is told not to have matched")
	}
}
