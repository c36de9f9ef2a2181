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

// wish is the body of $replay with parameters of these names and values.
func wish(pairs ...string) string {
	b := `<Parameters xmlns="http://hl7.org/fhir">`
	for i := 0; i < len(pairs); i += 2 {
		b += `<parameter><name value="` + pairs[i] + `"/><valueString value="` + pairs[i+1] + `"/></parameter>`
	}
	return b + `</Parameters>`
}

// A subscriber has its events replayed, asks how far that has come, and cancels.
func TestReplayForTheSubscriber(t *testing.T) {
	fx := newFixture(t)
	row, err := fx.db.PutMailbox(t.Context(), store.Mailbox{ID: "BOX", ODS: "RR8", Password: "p"})
	must(t, err)
	patient := storetest.Numbered(1)
	own := fx.subscribe(leeds, "BOX", about(patient.Digits(), "vaccinations-1"))
	for range 3 {
		e := storetest.EventAbout(fx.db.NextPosition(), patient, store.Compress([]byte("<Bundle/>"), [32]byte{}))
		_, err := fx.db.AcceptEvent(t.Context(), e)
		must(t, err)
		must(t, fx.db.Acknowledge(t.Context(), row, e.Event, fx.clock(), nil))
	}
	ask := func(s system, operation, body string) (int, string) {
		method, interaction := "POST", access.CreateInteraction
		if body == "" && strings.HasPrefix(operation, "$replay-status") {
			method, interaction = "GET", access.ReadInteraction
		}
		answer := fx.send(fx.request(s, method, "/STU3/Subscription/"+own+"/"+operation, interaction, body))
		return answer.Code, answer.Body.String()
	}
	if code, text := ask(leeds, "$replay", wish("from", "oldest", "basis", "a gap", "dry-run", "true")); code != http.StatusOK || !strings.Contains(text, `<valueUnsignedInt value="3"/>`) || !strings.Contains(text, "vaccinations-1") {
		t.Errorf("the dry run: %d %s", code, text)
	}
	for _, bad := range []struct {
		name, body string
		status     int
	}{
		{"no basis", wish("from", "oldest"), 400},
		{"a patient in the basis", wish("basis", "about "+patient.Digits()), 400},
		{"no place", wish("from", "yesterday", "basis", "b"), 400},
		{"before the subscription", wish("from", "2026-01-01T00:00:00Z", "basis", "b"), 400},
		{"a number that was not counted", wish("from", "7", "basis", "b"), 400},
		{"another's mailbox", wish("to", "X26NEMS", "basis", "b"), 400},
		{"too fast", wish("rate", "1000000", "basis", "b"), 400},
		{"an unknown parameter", wish("earlier", "true", "basis", "b"), 400},
		{"the end before the beginning", wish("until", "2026-01-01T00:00:00Z", "basis", "b"), 400},
		{"no resource", "<Parameters", 400},
	} {
		if code, text := ask(leeds, "$replay", bad.body); code != bad.status {
			t.Errorf("%s: %d %s", bad.name, code, text)
		}
	}
	if code, text := ask(national, "$replay", wish("basis", "a gap")); code != http.StatusForbidden {
		t.Errorf("another organisation: %d %s", code, text)
	}
	code, text := ask(leeds, "$replay", wish("basis", "a gap", "rate", "50", "mode", "latest"))
	if code != http.StatusAccepted || !strings.Contains(text, "STARTING") {
		t.Fatalf("started: %d %s", code, text)
	}
	all, err := fx.db.Replays(t.Context(), [16]byte{}, "", 2)
	must(t, err)
	if len(all) != 1 || all[0].Basis != "a gap" || all[0].Rate != 50 || all[0].Mode != store.ReplayLatest {
		t.Fatalf("kept: %+v", all)
	}
	id := all[0].ID
	if code, text := ask(leeds, "$replay", wish("basis", "again")); code != http.StatusConflict || !strings.Contains(text, id) {
		t.Errorf("a second one: %d %s", code, text)
	}
	if code, text := ask(leeds, "$replay-status?id="+id, ""); code != http.StatusOK || !strings.Contains(text, id) || strings.Contains(text, "withheld") {
		t.Errorf("its state: %d %s", code, text)
	}
	if code, text := ask(leeds, "$replay-status?id=zz", ""); code != http.StatusNotFound {
		t.Errorf("no such replay: %d %s", code, text)
	}
	if code, text := ask(leeds, "$replay-cancel?id="+id, ""); code != http.StatusOK {
		t.Errorf("cancelled: %d %s", code, text)
	}
	if code, text := ask(leeds, "$replay-cancel?id="+id, ""); code != http.StatusBadRequest {
		t.Errorf("cancelled twice: %d %s", code, text)
	}
	fx.advance(40 * 24 * time.Hour)
	claimed, err := fx.db.ClaimReplays(t.Context(), "one", time.Minute, 1)
	must(t, err)
	_, err = fx.db.Replayed(t.Context(), claimed[0], store.ReplayStep{Cursor: claimed[0].Cursor, State: store.ReplayCancelled, At: fx.clock()}, 0)
	must(t, err)
	if code, text := ask(leeds, "$replay", wish("from", "2026-03-05T00:00:00Z", "basis", "b")); code != http.StatusGone || !strings.Contains(text, fx.db.KeptSince().Format("2006-01-02")) {
		t.Errorf("too old: %d %s", code, text)
	}
	seen := map[audit.Action]bool{}
	for link, err := range fx.db.Links(t.Context(), time.Time{}, time.Time{}) {
		must(t, err)
		entries, err := link.Unpack()
		must(t, err)
		for _, e := range entries {
			seen[e.Action] = true
		}
	}
	if !seen[audit.ActionStartReplay] || !seen[audit.ActionCancelReplay] {
		t.Errorf("the audit: %v", seen)
	}
}
