package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/storetest"
)

// A subscriber has its endpoint tested, once a minute, and reads that it is off, and why.
func TestEndpointOfTheSubscriber(t *testing.T) {
	fx := newFixture(t)
	put := func(id string, c store.Channel) store.Endpoint {
		row, err := fx.db.PutMailbox(t.Context(), store.Mailbox{ID: id, ODS: "RR8", Remote: true})
		must(t, err)
		e := store.Endpoint{Mailbox: store.Mailbox{Row: row}, Channel: c, Value: []byte("{}")}
		must(t, fx.db.PutEndpoint(t.Context(), e, audit.Entry{Action: audit.ActionPutEndpoint}))
		e.Version++
		return e
	}
	patient := storetest.Numbered(1).Digits()
	row := put("HOOK", store.WebhookChannel)
	put("FEED", store.StreamChannel)
	_, err := fx.db.PutMailbox(t.Context(), store.Mailbox{ID: "BOX", ODS: "RR8", Password: "p"})
	must(t, err)
	own := fx.subscribe(leeds, "HOOK", about(patient, "vaccinations-1"))
	test := func(s system, id string) (int, string) {
		answer := fx.send(fx.request(s, "POST", "/STU3/Subscription/"+id+"/$test", access.CreateInteraction, ""))
		return answer.Code, answer.Body.String()
	}
	code, text := test(leeds, own)
	if code != http.StatusOK || !strings.Contains(text, "answered 418 at HOOK") || !strings.Contains(text, `<valueUnsignedInt value="3"/>`) {
		t.Errorf("%d %s", code, text)
	}
	written := slices.ContainsFunc(fx.entries, func(e audit.Entry) bool {
		return e.Action == audit.ActionTestEndpoint && e.Mailbox == "HOOK" && e.ODS == "RR8" && e.ASID != "" && e.Status == 418
	})
	if n := len(fx.entries); !written || n != 1 {
		t.Errorf("the audit: %+v", fx.entries)
	}
	if code, text := test(leeds, own); code != http.StatusTooManyRequests || strings.Contains(text, "418") {
		t.Errorf("again at once: %d %s", code, text)
	}
	fx.advance(time.Minute)
	if code, text := test(leeds, own); code != http.StatusOK {
		t.Errorf("a minute later: %d %s", code, text)
	}
	if code, _ := test(national, own); code != http.StatusForbidden {
		t.Errorf("another organisation: %d", code)
	}
	for _, box := range []string{"BOX", "FEED"} {
		if code, text := test(leeds, fx.subscribe(leeds, box, about(patient, "vaccinations-1"))); code != http.StatusBadRequest || !strings.Contains(text, "expected a subscription whose events are sent to a webhook or a queue") {
			t.Errorf("%s: %d %s", box, code, text)
		}
	}
	status := func() string {
		return fx.send(fx.request(leeds, "GET", "/STU3/Subscription/"+own+"/$status", access.ReadInteraction, "")).Body.String()
	}
	if text := status(); strings.Contains(text, "error") || !strings.Contains(text, `"active"`) {
		t.Errorf("$status: %s", text)
	}
	row.Value = []byte(`{"off":true,"why":"` + store.SwitchedOff + `"}`)
	must(t, fx.db.PutEndpoint(t.Context(), row, audit.Entry{Action: audit.ActionPutEndpoint}))
	if text := status(); !strings.Contains(text, `<valueCode value="error"/>`) || !strings.Contains(text, `<valueString value="`+store.SwitchedOff+`"/>`) {
		t.Errorf("$status of one that is off: %s", text)
	}
	fx.advance(time.Minute)
	if code, text := test(leeds, own); code != http.StatusBadRequest || !strings.Contains(text, "ask them") {
		t.Errorf("switched off: %d %s", code, text)
	}
}
