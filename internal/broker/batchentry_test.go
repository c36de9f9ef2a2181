package broker

import (
	"errors"
	"math"
	"testing"

	"nems/internal/access"
	"nems/internal/fhir"
	"nems/internal/refuse"
)

func TestEntryOf(t *testing.T) {
	for expression, want := range map[string]struct {
		entry      int
		inside, ok bool
	}{
		"Bundle.entry[0].resource.ofType(Subscription).status": {0, true, true},
		"Bundle.entry[999]":                {999, false, true},
		"Bundle.entry[12].resource.reason": {12, true, true},
		"Bundle.entry":                     {0, false, false},
		"Bundle.entry[x].y":                {0, true, false},
		"Bundle.link[1].url":               {0, false, false},
		"":                                 {0, false, false},
	} {
		entry, inside, ok := entryOf(expression)
		if ok != want.ok || ok && (entry != want.entry || inside != want.inside) {
			t.Errorf("%q: expected %v; received %d %t %t", expression, want, entry, inside, ok)
		}
	}
}

// TestAssign: a capped list of findings says nothing about the entries after
// the last listed one, whether it is the only list or one of two.
func TestAssign(t *testing.T) {
	at := func(expression string) fhir.Finding {
		return fhir.Finding{Severity: fhir.Error, Expression: expression}
	}
	more := fhir.Finding{Severity: fhir.Information}
	for name, c := range map[string]struct {
		findings []fhir.Finding
		unjudged int
	}{
		"none":       {nil, math.MaxInt},
		"not capped": {[]fhir.Finding{at("Bundle.entry[3].x")}, math.MaxInt},
		"capped":     {[]fhir.Finding{at("Bundle.entry[3].x"), at("Bundle.entry[7].x"), more}, 8},
		"the first":  {[]fhir.Finding{at("Bundle.entry[3].x"), more, at("Bundle.entry[7].x")}, 4},
		"the second": {[]fhir.Finding{at("Bundle.entry[9].x"), at("Bundle.entry[2].x"), more}, 3},
		"both":       {[]fhir.Finding{at("Bundle.entry[9].x"), more, at("Bundle.entry[2].x"), more}, 3},
	} {
		if _, _, unjudged := assign(c.findings, access.Media{}); unjudged != c.unjudged {
			t.Errorf("%s: expected entries from %d on not to be judged; received %d", name, c.unjudged, unjudged)
		}
	}
}

// FuzzReadBatch reads anything as a batch. It is refused, or each of its
// entries requests one thing or is refused by itself.
func FuzzReadBatch(f *testing.F) {
	f.Add([]byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/><entry><resource><Subscription><status value="requested"/><reason value="r"/><criteria value="c"/><channel><type value="message"/></channel></Subscription></resource><request><method value="POST"/><url value="Subscription"/></request></entry></Bundle>`), false)
	f.Add([]byte(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"DELETE","url":"Subscription/1"}},null]}`), true)
	f.Add([]byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/><entry/><entry><request/></entry></Bundle>`), false)
	f.Fuzz(func(t *testing.T, body []byte, json bool) {
		media := access.Media{Format: access.XML}
		if json {
			media.Format = access.JSON
		}
		entries, err := readBatch(body, media)
		var refusal *refuse.Refusal
		if err != nil && !errors.As(err, &refusal) {
			t.Fatalf("not a refusal: %v", err)
		}
		if len(entries) > MaxBatch {
			t.Fatalf("%d entries", len(entries))
		}
		for _, e := range entries {
			switch {
			case e.refused != nil:
				if !errors.As(e.refused, &refusal) || len(refusal.Issues) == 0 {
					t.Fatalf("not a refusal with issues: %v", e.refused)
				}
			case e.action == "subscribe" && (e.resource.Exists() || len(e.findings) > 0):
			case e.action == "delete" && len(e.findings) == 0:
			default:
				t.Fatalf("an entry that asks for nothing passed: %+v", e)
			}
		}
	})
}

// TestAnswersToBatchesAreBounded: entries that are refused after many issues
// were listed have only their first issue and the number of the others.
func TestAnswersToBatchesAreBounded(t *testing.T) {
	var w batch
	all := refuse.InvalidResource(make([]refuse.Issue, 40)...)
	listed := 0
	for range MaxBatch {
		var refusal *refuse.Refusal
		if !errors.As(w.shorten(all), &refusal) || len(refusal.Issues) == 0 {
			t.Fatal("no issue")
		}
		listed += len(refusal.Issues)
	}
	if listed > maxListed+2*MaxBatch {
		t.Errorf("%d issues", listed)
	}
	if other := errors.New("busy"); w.shorten(other) != other || w.shorten(nil) != nil {
		t.Error("what is no refusal was changed")
	}
}
