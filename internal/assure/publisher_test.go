package assure_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/assure"
	"nems/internal/node/nodetest"
)

var declared = assure.Declared{
	Supplier: "Example Ltd", Product: "Surgery", Version: "1.2", Events: []string{"vaccinations-1"}, ASID: "300000000161", ODS: "A83627",
}

// start runs the service of a test, on a clock that the test moves.
func start(t testing.TB, change func(*assure.Setting)) (*assure.Service, *nodetest.Clock) {
	t.Helper()
	clock := nodetest.NewClock(time.Now())
	setting := assure.Setting{Listen: "127.0.0.1:0", Declared: declared, Now: clock.Now, Steady: clock.Steady}
	if change != nil {
		change(&setting)
	}
	s, err := assure.Start(t.Context(), setting)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, clock
}

// publish puts a surgery through the plan.
func publish(t testing.TB, wrong string) *assure.Report {
	t.Helper()
	s, clock := start(t, nil)
	plan, err := assure.BuiltIn("publisher")
	if err != nil {
		t.Fatal(err)
	}
	report, err := assure.Execute(t.Context(), s, assure.Options{Plan: plan, Declared: declared, Driver: newSurgery(t, s, clock, wrong), Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestRightSurgeryPasses(t *testing.T) {
	report := publish(t, "")
	for _, f := range report.Findings {
		t.Errorf("%s: %s (%v)", f.Check, f.Text, f.Steps)
	}
	for _, s := range report.Steps {
		for _, c := range s.Checks {
			if c.Verdict != assure.Pass {
				t.Errorf("%s: %s is %s", s.ID, c.Name, c.Verdict)
			}
		}
	}
	if report.Verdict != assure.Pass || len(report.Steps) < 20 {
		t.Errorf("%s after %d steps", report.Verdict, len(report.Steps))
	}
}

// ways are the ways in which a surgery can be wrong, and what is found.
var ways = map[string][]string{
	"tokens without organisation":      {"publisher/every/jwt-requesting_organisation"},
	"tokens live an hour":              {"publisher/every/jwt-lifetime"},
	"the scope of reading":             {"publisher/every/jwt-scope"},
	"another reason":                   {"publisher/every/jwt-reason_for_request"},
	"a subject of its own":             {"publisher/every/jwt-sub"},
	"no issuer":                        {"publisher/every/jwt-iss"},
	"the audience is no URL":           {"publisher/every/jwt-aud"},
	"another organisation":             {"publisher/every/declared-organisation"},
	"tokens of the day before":         {"publisher/every/jwt-exp"},
	"the token of another system":      {"publisher/every/jwt-requesting_system"},
	"no token":                         {"publisher/every/header-Authorization"},
	"no scheme before the token":       {"publisher/every/header-Authorization"},
	"toASID of its own":                {"publisher/every/header-toASID"},
	"no fromASID":                      {"publisher/every/header-fromASID"},
	"XML without FHIR":                 {"publisher/every/header-Content-Type"},
	"JSON wanted":                      {"publisher/every/header-Accept"},
	"the interaction of another event": {"publisher/every/message-interaction"},
	"the interaction of subscribing":   {"publisher/every/header-InteractionID"},
	"no contact":                       {"rule:generic/MessageHeader.source.contact"},
	"no lastUpdated":                   {"rule:vaccinations-1/MessageHeader.meta.lastUpdated"},
	"everything is new":                {"publisher/correction/kind", "publisher/delete/kind", "publisher/update/kind"},
	"message ids used again":           {"publisher/update/new-id"},
	"new identifiers in corrections":   {"publisher/correction/same-thing", "publisher/delete/same-thing", "publisher/update/same-thing"},
	"corrections are not newer":        {"publisher/correction/newer", "publisher/delete/newer", "publisher/update/newer"},
	"sends everything twice":           {"publisher/new/no-repeat"},
	"publishes about flagged patients": {"publisher/flagged-invalid/silent", "publisher/flagged/silent"},
	"does not trace":                   {"publisher/demographics/traced"},
	"gives up":                         {"publisher/lost-answer/repeated", "publisher/lost-request/repeated", "publisher/temporary/repeated"},
	"repeats under another id":         {"publisher/lost-answer/same-message", "publisher/lost-request/same-message", "publisher/temporary/same-message"},
	"does not wait":                    {"publisher/temporary/waited"},
	"sends what was refused again":     {"publisher/refused/no-loop"},
	"takes a warning for a failure":    {"publisher/deprecated/no-repeat"},
	"operators are not told":           {"publisher/deprecated/told"},
}

func TestWrongSurgeriesAreFound(t *testing.T) {
	for wrong, want := range ways {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel() // they wait for their turn at PDS most of the time
			report := publish(t, wrong)
			if report.Verdict != assure.Fail {
				t.Errorf("the verdict is %s", report.Verdict)
			}
			if got := found(report); !slices.Equal(got, want) {
				t.Errorf("found %v; expected %v\n%s", got, want, listed(report))
			}
		})
	}
}

// found lists the checks that failed, each once.
func found(r *assure.Report) (names []string) {
	for _, f := range r.Findings {
		if !slices.Contains(names, f.Check) {
			names = append(names, f.Check)
		}
	}
	return names
}

func listed(r *assure.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s %v %v\n", f.Check, f.Text, f.Steps, f.Exchanges)
	}
	return b.String()
}
