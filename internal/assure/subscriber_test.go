package assure_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	nemsclient "nems/client"
	"nems/internal/assure"
	"nems/internal/node/nodetest"
	"nems/receiver"
)

var subscribing = assure.Declared{
	Supplier: "Example Ltd", Product: "Ward", Version: "3.1", Events: []string{"vaccinations-1"}, ASID: "200000000115", ODS: "RR8", Mailbox: "ASSURE01",
}

// ward is a small subscribing system, which does everything right, except what wrong
// names: one thing of the table wards.
type ward struct {
	t             testing.TB
	service       *assure.Service
	wrong         string
	reports       string // file for its reports; "" for the door
	nems          *nemsclient.Client
	box           *nemsclient.Mailbox
	subscriptions []string
	greeted       bool
	stuck         bool // by poison
	out           bool // it gave up
	seen          map[string]bool
	known         []receiver.Facts // that were processed
}

func newWard(t testing.TB, s *assure.Service, clock *nodetest.Clock, wrong string) *ward {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	w := &ward{t: t, service: s, wrong: wrong, seen: map[string]bool{}}
	w.nems = &nemsclient.Client{URL: s.URL, ASID: subscribing.ASID, ODS: subscribing.ODS, NEMS: "111111111111", HTTP: &http.Client{Transport: transport}, Now: clock.Now}
	var carrier http.RoundTripper = transport
	if wrong == "uses a token twice" {
		carrier = &sameToken{transport, ""}
	}
	if wrong == "does not say what it is" {
		carrier = nameless{transport}
	}
	var err error
	w.box, err = nemsclient.NewMailbox(nemsclient.MailboxConfig{
		URL: s.URL, ID: subscribing.Mailbox, Password: "password", SharedKey: "TestKey", HTTP: &http.Client{Transport: carrier}, Now: clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// sameToken sends the first acknowledgement's token again with the next call, which fails,
// and then goes on as it should.
type sameToken struct {
	next http.RoundTripper
	last string
}

func (s *sameToken) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.last != "" && s.last != "done" {
		again := r.Clone(r.Context())
		again.Method, again.Body = http.MethodHead, nil
		again.Header.Set("Authorization", s.last)
		s.last = "done"
		answer, err := s.next.RoundTrip(again)
		if err != nil {
			return nil, err
		}
		_ = answer.Body.Close()
	}
	if s.last == "" {
		s.last = r.Header.Get("Authorization")
	}
	return s.next.RoundTrip(r)
}

// nameless sends handshakes without the client's name.
type nameless struct{ next http.RoundTripper }

func (n nameless) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name := range r.Header {
		if strings.EqualFold(name, "mex-osname") {
			delete(r.Header, name)
		}
	}
	return n.next.RoundTrip(r)
}

// Do implements assure.Driver.
func (w *ward) Do(ctx context.Context, s *assure.Step) error {
	ctx = context.WithoutCancel(ctx)
	switch s.Plan.ID {
	case "subscribe":
		made, err := w.nems.Subscribe(ctx, nemsclient.Subscription{Criteria: "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + s.Asked.NHSNumber + "&MessageHeader.event=" + s.Event.Code, Mailbox: subscribing.Mailbox, Reason: "care"})
		if err == nil {
			w.subscriptions = append(w.subscriptions, made.ID)
		}
		return err
	case "end":
		if w.wrong == "does not unsubscribe" {
			return nil
		}
		for _, id := range w.subscriptions {
			if err := w.nems.Unsubscribe(ctx, id); err != nil {
				return err
			}
		}
		return nil
	}
	return w.collect(ctx)
}

// Confirm implements assure.Driver.
func (*ward) Confirm(context.Context, *assure.Step) (*bool, error) { return nil, nil }

// collect empties the mailbox.
func (w *ward) collect(ctx context.Context) error {
	if w.out || w.stuck {
		return nil
	}
	if !w.greeted && w.wrong != "no handshake" {
		if err := w.box.Handshake(ctx); err != nil && w.wrong != "does not say what it is" { // which is refused
			return err
		}
		w.greeted = true
	}
	for failures := 0; ; {
		ids, err := w.box.List(ctx)
		if err != nil {
			if failures++; failures > 10 {
				return err
			}
			if w.wrong == "gives up after an outage" {
				w.out = true
				return nil
			}
			continue
		}
		if len(ids) == 0 || w.wrong == "never acknowledges" && w.seen[ids[0]] {
			return nil
		}
		for _, id := range ids {
			if err := w.take(ctx, id); err != nil || w.stuck {
				return err
			}
		}
		if w.wrong == "reads only the first page" {
			w.out = len(ids) == 500
			return nil
		}
	}
}

// take downloads, uses and acknowledges a message.
func (w *ward) take(ctx context.Context, id string) error {
	if w.wrong == "acknowledges before downloading" && len(w.seen) == 0 {
		w.seen[id] = true
		return w.box.Acknowledge(ctx, id)
	}
	if w.wrong == "acknowledges before downloading" {
		w.wrong = ""
	}
	c, err := w.box.Download(ctx, id)
	if err != nil {
		return err
	}
	outcome := w.use(c.Body)
	if w.stuck {
		return nil
	}
	w.seen[id] = true
	if w.wrong == "never acknowledges" {
		return nil
	}
	if err := w.box.Acknowledge(ctx, id); err != nil {
		return err
	}
	return w.report(ctx, id, outcome)
}

// use says what it makes of a message.
func (w *ward) use(xml []byte) string {
	f, err := receiver.ReadFacts(xml)
	if err != nil && f.MessageID == "" || !bytes.Contains(xml, []byte("</Bundle>")) {
		w.stuck = w.wrong == "stops at poison"
		return "rejected"
	}
	if w.seen[f.MessageID] && w.wrong != "does not de-duplicate" {
		return "duplicate"
	}
	w.seen[f.MessageID] = true
	for _, k := range w.known {
		if k.SameThing(f) && f.Point.Compare(k.Point) == receiver.Stale && w.wrong != "applies the late older event" {
			return "superseded"
		}
	}
	w.known = append(w.known, f)
	switch {
	case f.Kind == "delete" && w.wrong != "ignores the retraction":
		return "retracted"
	case f.Kind == "update" && w.wrong == "ignores corrections":
		return "discarded"
	case bytes.Contains(xml, []byte("https://example.nhs.uk/unknown")) && w.wrong == "refuses unknown extensions":
		return "rejected"
	}
	return "processed"
}

// report reports what it made of a message.
func (w *ward) report(ctx context.Context, id, outcome string) error {
	if w.wrong == "does not record what it discards" && outcome == "superseded" || w.wrong == "reports nothing" {
		return nil
	}
	text, err := json.Marshal(assure.Told{Message: id, Outcome: outcome})
	if err != nil {
		return err
	}
	if w.reports != "" {
		f, err := os.OpenFile(w.reports, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.Write(append(text, '\n'))
		return err
	}
	status, _, err := send(ctx, http.MethodPost, w.service.URL+"/assure/report", string(text), nil)
	if err == nil && status != http.StatusNoContent {
		w.t.Errorf("a report was answered %d", status)
	}
	return err
}

// subscribe puts a ward through the plan.
func subscribe(t testing.TB, wrong string, change func(*ward, *assure.Options)) *assure.Report {
	t.Helper()
	s, clock := start(t, func(s *assure.Setting) { s.Declared = subscribing })
	plan, err := assure.BuiltIn("subscriber")
	if err != nil {
		t.Fatal(err)
	}
	w := newWard(t, s, clock, wrong)
	o := assure.Options{Plan: plan, Declared: subscribing, Driver: w, Wait: time.Minute}
	if wrong != "" && wrong != "reads only the first page" {
		o.Only = []string{"subscribe", "normal", "duplicate", "update", "late", "out-of-order", "retracted", "unusual", "poison", "large", "unknown", "outage", "end"}
	}
	if change != nil {
		change(w, &o)
	}
	report, err := assure.Execute(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestRightSubscriberPasses(t *testing.T) {
	report := subscribe(t, "", nil)
	for _, s := range report.Steps {
		for _, c := range s.Checks {
			if c.Verdict != assure.Pass {
				t.Errorf("%s: %s is %s", s.ID, c.Name, c.Verdict)
			}
		}
	}
	if report.Verdict != assure.Pass || len(report.Steps) != 14 {
		t.Errorf("%s after %d steps\n%s", report.Verdict, len(report.Steps), listed(report))
	}
}

// wards are the ways in which a subscriber can be wrong, and what is found.
var wards = map[string][]string{
	"acknowledges before downloading":  {"subscriber/acknowledges-when-complete", "subscriber/collects-in-time", "subscriber/workflows-received"},
	"never acknowledges":               {"subscriber/collects-in-time", "subscriber/returns-after-outage", "subscriber/workflows-received", "subscriber/wrong-message-set-aside"},
	"does not de-duplicate":            {"subscriber/repeats-ignored"},
	"applies the late older event":     {"subscriber/order-kept"},
	"ignores the retraction":           {"subscriber/delete-applied"},
	"ignores corrections":              {"subscriber/order-kept", "subscriber/update-applied"},
	"stops at poison":                  {"subscriber/collects-in-time", "subscriber/wrong-message-set-aside"},
	"reads only the first page":        {"subscriber/pages-read"},
	"gives up after an outage":         {"subscriber/returns-after-outage"},
	"does not unsubscribe":             {"subscriber/unsubscribed"},
	"no handshake":                     {"subscriber/handshake"},
	"uses a token twice":               {"subscriber/mesh-token-fresh"},
	"does not say what it is":          {"subscriber/handshake", "subscriber/mesh-client"},
	"refuses unknown extensions":       {"subscriber/any-order-of-resources"},
	"does not record what it discards": {"subscriber/discarded-recorded"},
}

func TestWrongSubscribersAreFound(t *testing.T) {
	for wrong, want := range wards {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			report := subscribe(t, wrong, nil)
			if got := found(report); !slices.Equal(got, want) || report.Verdict != assure.Fail {
				t.Errorf("%s, found %v; expected %v\n%s", report.Verdict, got, want, listed(report))
			}
		})
	}
}

// Without reports, what only they show is not tested; a file is as good as the door.
func TestReportsOfSubscribers(t *testing.T) {
	verdicts := func(report *assure.Report) (order, recorded assure.Verdict) {
		for _, s := range report.Steps {
			for _, c := range s.Checks {
				switch c.Name {
				case "subscriber/order-kept":
					order = c.Verdict
				case "subscriber/discarded-recorded":
					recorded = c.Verdict
				}
			}
		}
		return order, recorded
	}
	only := []string{"subscribe", "late", "end"}
	none := subscribe(t, "reports nothing", func(_ *ward, o *assure.Options) { o.Only = only })
	if order, recorded := verdicts(none); order != assure.NotTested || recorded != assure.NotTested || len(none.Findings) > 0 {
		t.Errorf("without reports: %s, %s\n%s", order, recorded, listed(none))
	}
	file := subscribe(t, "", func(w *ward, o *assure.Options) {
		w.reports = filepath.Join(t.TempDir(), "reports.jsonl")
		o.Only, o.Reports = only, w.reports
	})
	if order, recorded := verdicts(file); order != assure.Pass || recorded != assure.Pass {
		t.Errorf("from a file: %s, %s\n%s", order, recorded, listed(file))
	}
}
