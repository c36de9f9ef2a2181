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
			// One message has no number before it.
			if c.Verdict != assure.Pass && c.Name != "publisher/sequence-number-rises" {
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
	"tokens without organisation":      {"publisher/token-claims"},
	"tokens live an hour":              {"publisher/token-times"},
	"the scope of reading":             {"publisher/token-scope"},
	"another reason":                   {"publisher/token-reason"},
	"a subject of its own":             {"publisher/token-subject"},
	"no issuer":                        {"publisher/token-claims"},
	"the audience is no URL":           {"publisher/token-audience"},
	"another organisation":             {"publisher/token-organisation"},
	"tokens of the day before":         {"publisher/token-times"},
	"the token of another system":      {"publisher/token-system"},
	"no token":                         {"publisher/header-authorization"},
	"no scheme before the token":       {"publisher/header-authorization"},
	"toASID of its own":                {"publisher/header-to-asid"},
	"no fromASID":                      {"publisher/header-from-asid"},
	"XML without FHIR":                 {"publisher/header-content-type"},
	"JSON wanted":                      {"publisher/header-accept"},
	"the interaction of another event": {"publisher/header-interaction-id"},
	"the interaction of subscribing":   {"publisher/header-interaction-id"},
	"no contact":                       {"rule:generic/MessageHeader.source.contact"},
	"no lastUpdated":                   {"rule:vaccinations-1/MessageHeader.meta.lastUpdated"},
	"everything is new":                {"publisher/kind-delete-same-focus", "publisher/kind-update-same-focus"},
	"message ids used again":           {"publisher/message-id-new"},
	"new identifiers in corrections":   {"publisher/kind-delete-same-focus", "publisher/kind-update-same-focus"},
	"corrections are not newer":        {"publisher/last-updated-rises"},
	"sends everything twice":           {"publisher/sent-once"},
	"publishes about flagged patients": {"publisher/flagged-not-sent"},
	"does not trace":                   {"publisher/patient-verified"},
	"gives up":                         {"publisher/retry-after-failure", "publisher/retry-after-lost-answer"},
	"repeats under another id":         {"publisher/retry-after-failure", "publisher/retry-after-lost-answer"},
	"does not wait":                    {"publisher/waits-as-asked"},
	"sends what was refused again":     {"publisher/no-repeat-after-refusal", "publisher/slower-after-denial"},
	"takes a warning for a failure":    {"publisher/sent-once"},
	"another patient":                  {"publisher/patient-asked"},
	"corrections have only changes":    {"publisher/kind-complete"},
	"sequence numbers start anew":      {"publisher/sequence-number-rises"},
	"publishes against dissent":        {"publisher/dissent-not-sent"},
	"keeps no record":                  {"publisher/record-kept"},
	"operators are not told":           {"publisher/deprecation-noticed"},
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
