package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/storetest"
)

// A subscriber reads what became of its copies, as far as they have come to an end.
// One that waits is not told of: if it was withheld later, that would tell of a flag.
func TestDeliveriesToTheSubscriber(t *testing.T) {
	fx := newFixture(t)
	row, err := fx.db.PutMailbox(t.Context(), store.Mailbox{ID: "HOOK", ODS: "RR8", Remote: true})
	must(t, err)
	must(t, fx.db.PutEndpoint(t.Context(), store.Endpoint{Mailbox: store.Mailbox{Row: row}, Channel: store.WebhookChannel, Value: []byte("{}")}, audit.Entry{Action: audit.ActionPutEndpoint}))
	patient := storetest.Numbered(1)
	own := fx.subscribe(leeds, "HOOK", about(patient.Digits(), "vaccinations-1"))
	for range 3 {
		body := store.Compress([]byte("<Bundle/>"), [32]byte{})
		_, err := fx.db.AcceptEvent(t.Context(), storetest.EventAbout(fx.db.NextPosition(), patient, body))
		must(t, err)
	}
	lanes, err := fx.db.ClaimEndpoints(t.Context(), store.WebhookChannel, "one", time.Minute, 1)
	must(t, err)
	waiting, err := fx.db.WaitingDeliveries(t.Context(), lanes[0], 10)
	must(t, err)
	for i, state := range []store.State{store.Undeliverable, store.Withheld} {
		d := waiting[i]
		d.State, d.At, d.ErrorText = state, fx.clock(), "secret reason"
		d.Tried(store.Attempt{At: fx.clock(), Status: 400, Took: 3 * time.Millisecond, Why: "answered 400"})
		must(t, fx.db.Settle(t.Context(), lanes[0], d, time.Minute))
	}
	ask := func(s system, id, query string) *http.Request {
		return fx.request(s, "GET", "/STU3/Subscription/"+id+"/$deliveries"+query, access.ReadInteraction, "")
	}
	answer := fx.send(ask(leeds, own, ""))
	text := answer.Body.String()
	if answer.Code != http.StatusOK || parse(t, answer).Count("parameter") != 1 {
		t.Fatalf("%d %s", answer.Code, text)
	}
	for _, part := range []string{waiting[0].ID, "undeliverable", "answered 400", `"vaccinations-1"`} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing: %s", part, text)
		}
	}
	for _, part := range []string{waiting[1].ID, waiting[2].ID, "withheld", "secret reason"} {
		if strings.Contains(text, part) {
			t.Errorf("it has %q: %s", part, text)
		}
	}
	if later := fx.send(ask(leeds, own, "?from=2030-01-01T00:00:00Z&_format=json")); later.Code != http.StatusOK || strings.Contains(later.Body.String(), "undeliverable") {
		t.Errorf("later: %d %s", later.Code, later.Body)
	}
	refused(t, fx.send(ask(national, own, "")), http.StatusForbidden, "ACCESS_DENIED")
	refused(t, fx.send(ask(leeds, zeros, "")), http.StatusNotFound, "NO_RECORD_FOUND")
	for _, query := range []string{"?from=yesterday", "?after=x", "?after=-1", "?after=1&after=2", "?other=1", "?from=%zz"} {
		refused(t, fx.send(ask(leeds, own, query)), http.StatusBadRequest, "BAD_REQUEST")
	}
	fx.silent()
}
