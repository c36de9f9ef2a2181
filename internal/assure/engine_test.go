package assure_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/assure"
	"nems/internal/catalogue/example"
)

// idle is a driver whose system does nothing.
type idle struct{ say error }

func (d idle) Do(ctx context.Context, _ *assure.Step) error {
	if d.say == nil {
		<-ctx.Done()
	}
	return d.say
}

func (idle) Confirm(context.Context, *assure.Step) (*bool, error) { return nil, nil }

// What is left out, or does not come, was not tested; the run is not complete.
func TestWhatIsNotDoneIsNotTested(t *testing.T) {
	s, _ := start(t, nil)
	plan, err := assure.BuiltIn("publisher")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		driver assure.Driver
		wait   time.Duration
		note   string
	}{
		"skipped": {idle{assure.ErrSkipped}, time.Minute, "skipped"},
		"ended":   {idle{assure.ErrEnded}, time.Minute, "ended"},
		"late":    {idle{}, time.Millisecond, "nothing came"},
	} {
		report, err := assure.Execute(t.Context(), s, assure.Options{
			Plan: plan, Declared: declared, Driver: c.driver, Wait: c.wait, Only: []string{"new", "update", "two"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if report.Verdict != assure.Incomplete || len(report.Steps) != 3 || report.Plan.Complete {
			t.Errorf("%s: %s after %d steps", name, report.Verdict, len(report.Steps))
		}
		for _, step := range report.Steps {
			if step.Verdict != assure.NotTested || !strings.Contains(step.Note, c.note) {
				t.Errorf("%s: %s is %s: %s", name, step.ID, step.Verdict, step.Note)
			}
		}
	}
	// A system that says it has done its work, and has not, fails.
	report, err := assure.Execute(t.Context(), s, assure.Options{Plan: plan, Declared: declared, Driver: client(func(context.Context, string) error { return nil }), Wait: time.Minute, Only: []string{"new"}})
	if err != nil || report.Verdict != assure.Fail || !slices.Equal(found(report), []string{"publisher/arrived"}) {
		t.Errorf("%v, %v: %s", err, report.Verdict, listed(report))
	}
	if _, err := assure.Execute(t.Context(), s, assure.Options{Plan: plan, Declared: declared, Only: []string{"birthday"}}); err == nil || !strings.Contains(err.Error(), "birthday") {
		t.Errorf("an unknown step: %v", err)
	}
}

// An event type gets its steps from its catalogue file: those of its kinds alone.
func TestNewEventTypeNeedsNoCode(t *testing.T) {
	folder := t.TempDir()
	text, err := os.ReadFile("../catalogue/types/vaccinations-1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own := strings.NewReplacer("vaccinations-1", "flu-jabs-1", "display: Vaccinations", "display: Flu jabs", "value: Vaccinations}", "value: Flu jabs}",
		"interaction: Vaccinations", "interaction: FluJabs", "kinds: [new, update, delete]", "kinds: [new, delete]").Replace(string(text))
	if err := os.WriteFile(filepath.Join(folder, "flu-jabs-1.yaml"), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	d := declared
	d.Events = []string{"flu-jabs-1", "vaccinations-1"}
	s, _ := start(t, func(s *assure.Setting) { s.EventTypes, s.Declared = folder, d })
	plan, err := assure.BuiltIn("publisher")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := assure.StepsOf(plan, d, folder)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, step := range steps[:6] {
		ids = append(ids, step.ID)
	}
	if want := []string{"new/flu-jabs-1", "new/vaccinations-1", "update/vaccinations-1", "correction/vaccinations-1", "renewed/flu-jabs-1", "delete/flu-jabs-1"}; !slices.Equal(ids, want) {
		t.Errorf("the steps are %v", ids)
	}
	if steps[0].Title != "Flu jabs: something new" || !strings.Contains(steps[0].Ask, "Jack DAWKINS (NHS number 9912003888") {
		t.Errorf("%s: %s", steps[0].Title, steps[0].Ask)
	}
	report, err := assure.Execute(t.Context(), s, assure.Options{Plan: plan, Declared: d, Wait: time.Minute, Only: []string{"new/flu-jabs-1"}, Driver: client(func(ctx context.Context, _ string) error {
		message, err := example.Message("vaccinations-1", "new", example.Patient{})
		if err != nil {
			return err
		}
		text := strings.NewReplacer(`value="vaccinations-1"`, `value="flu-jabs-1"`, `display value="Vaccinations"`, `display value="Flu jabs"`).Replace(string(message))
		y := &surgery{url: s.URL}
		_, _, err = send(ctx, http.MethodPost, s.URL+"/STU3/Events/1/$process-message", text, y.plain("FluJabs"))
		return err
	})})
	if err != nil || report.Verdict != assure.Pass {
		t.Errorf("%v: %s", err, listed(report))
	}
}

// Over TLS the certificate of the caller is looked at.
func TestCertificates(t *testing.T) {
	s, _ := start(t, func(s *assure.Setting) { s.TLS = true })
	plan, err := assure.BuiltIn("requests")
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(s.Authority)
	if err != nil {
		t.Fatal(err)
	}
	own, err := tls.LoadX509KeyPair(s.Client, s.ClientKey)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	for name, c := range map[string]struct {
		config *tls.Config
		want   []string
	}{
		"with a certificate": {&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}, nil},
		"without":            {&tls.Config{RootCAs: pool}, []string{"publisher/client-certificate"}},
		"TLS 1.1":            {&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}, []string{"publisher/tls-version"}}, //nolint:gosec // that it is found is what is tested
	} {
		report, err := assure.Execute(t.Context(), s, assure.Options{Plan: plan, Declared: declared, Wait: time.Minute, Driver: client(func(ctx context.Context, url string) error {
			message, err := example.Message("vaccinations-1", "new", example.Patient{})
			if err != nil {
				return err
			}
			transport := &http.Transport{TLSClientConfig: c.config, DisableKeepAlives: true}
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/STU3/Events/1/$process-message", strings.NewReader(string(message)))
			if err != nil {
				return err
			}
			for key, value := range (&surgery{url: url}).plain("Vaccinations") {
				r.Header.Set(key, value)
			}
			answer, err := transport.RoundTrip(r)
			if err == nil {
				_ = answer.Body.Close()
			}
			return err
		})})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		last := report.Exchanges[len(report.Exchanges)-1]
		var got []string
		for _, f := range report.Findings {
			if slices.Contains(f.Exchanges, last.Number) {
				got = append(got, f.Check)
			}
		}
		if last.Status != http.StatusAccepted || !slices.Equal(got, c.want) {
			t.Errorf("%s: %d, %v\n%s", name, last.Status, got, listed(report))
		}
	}
}

// Mistakes in a plan are named with their place.
func TestMistakesInPlans(t *testing.T) {
	const right = "version: 1\nname: a\ntitle: A\nside: publisher\nsteps:\n  - id: one\n    kind: new\n    checks: [arrived]\n"
	if p, err := assure.ReadPlan("own.yaml", []byte(right)); err != nil || len(p.Hash) != 64 {
		t.Fatalf("%+v, %v", p, err)
	}
	for change, want := range map[string]string{
		"checks: [arrived]=>checks: [arived]":   `steps[0] (one): checks: there is no check "arived"`,
		"side: publisher=>side: nobody":         "side: expected publisher or subscriber",
		"version: 1=>version: 2":                "reads version 1; received 2",
		"kind: new=>knid: new":                  "own.yaml:7:",
		"id: one=>id: one/two":                  "a word without blanks and slashes",
		"kind: new=>after: never":               `after: expected the id of an earlier step; received "never"`,
		"kind: new=>deeds: [explode]":           `there is no deed "explode"; there are: change-name, deliver`,
		"kind: new=>each: answer":               "each: answer and answers go together",
		"kind: new=>answer: {refuse: politely}": `there is no refusal "politely"`,
		"kind: new=>answer: {times: 1}":         "expected one of refuse and lose",
		"kind: new=>answer: {lose: often}":      "lose: expected before or after",
		"kind: new=>patient: \"1234567890\"":    "patient:",
		"kind: new=>each: day":                  "each: expected event or answer",
	} {
		from, to, _ := strings.Cut(change, "=>")
		_, err := assure.ReadPlan("own.yaml", []byte(strings.Replace(right, from, to, 1)))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "own.yaml:") {
			t.Errorf("%s: %v; expected %q", change, err, want)
		}
	}
	d := declared
	d.Events = []string{"birthdays-1"}
	plan, err := assure.BuiltIn("publisher")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := assure.StepsOf(plan, d, ""); err == nil || !strings.Contains(err.Error(), `no event type "birthdays-1"; there are: blood-spot`) {
		t.Errorf("%v", err)
	}
}
