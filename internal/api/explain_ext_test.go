package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"nems/internal/access"
	"nems/internal/fhir"
	"nems/internal/store"
	"nems/internal/store/storetest"
)

// A subscriber asks about its own subscription, and is told of events that it could
// have matched. All other events look like none.
func TestExplainToTheSubscriber(t *testing.T) {
	fx := newFixture(t)
	patient, stranger := storetest.Numbered(1), storetest.Numbered(2)
	own := fx.subscribe(leeds, "MAILBOX1234", about(patient.Digits(), "vaccinations-1"))
	other := fx.subscribe(leeds, "MAILBOX1234", about(stranger.Digits(), "vaccinations-1"))
	narrow := fx.subscribe(leeds, "MAILBOX1234", about(patient.Digits(), "vaccinations-1")+"&Patient.age=lt5")
	body := store.Compress([]byte("<Bundle/>"), [32]byte{})
	event := storetest.EventAbout(fx.db.NextPosition(), patient, body)
	if _, err := fx.db.AcceptEvent(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	ask := func(s system, id, query string) *http.Request {
		return fx.request(s, "GET", "/STU3/Subscription/"+id+"/$explain"+query, access.ReadInteraction, "")
	}
	named := "?message-id=" + event.MessageID
	for name, c := range map[string]struct {
		id, query string
		want      string
	}{
		"it matched":     {own, named, "told=true matched=true age=- "},
		"age is unknown": {narrow, named, "told=true matched=false age=false "},
		"another's":      {other, named, "told=false matched=- age=- "},
		"no such event":  {own, "?message-id=0a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0009", "told=false matched=- age=- "},
		"as JSON":        {own, named + "&_format=json", "told=true matched=true age=- "},
	} {
		t.Run(name, func(t *testing.T) {
			answer := fx.send(ask(leeds, c.id, c.query))
			if answer.Code != http.StatusOK {
				t.Fatalf("%d %s", answer.Code, answer.Body)
			}
			root := parse(t, answer)
			if got := told(root); root.Name() != "Parameters" || got != c.want {
				t.Errorf("expected %q; received %q: %s", c.want, got, answer.Body)
			}
		})
	}
	refused(t, fx.send(ask(national, own, named)), http.StatusForbidden, "ACCESS_DENIED")
	refused(t, fx.send(ask(leeds, zeros, named)), http.StatusNotFound, "NO_RECORD_FOUND")
	for _, query := range []string{"", "?message-id=", "?message-id=x", named + "&message-id=" + event.MessageID, named + "&a=b", "?message-id=%zz"} {
		refused(t, fx.send(ask(leeds, own, query)), http.StatusBadRequest, "BAD_REQUEST")
	}
	if e := fx.entries[0]; e.Action != "explain" || e.Object == "" || e.Status != http.StatusOK {
		t.Errorf("the audit: %+v", e.Action)
	}
	fx.silent()
}

// told is what Parameters say, "-" where they are silent.
func told(root fhir.Node) string {
	values := map[string]string{"told": "-", "matched": "-", "age": "-"}
	for p := range root.ChildrenNamed("parameter") {
		values[p.At("name").Value()] = p.At("valueBoolean").Value()
		for part := range p.ChildrenNamed("part") {
			values[part.At("name").Value()] = part.At("valueBoolean").Value()
		}
	}
	return fmt.Sprintf("told=%s matched=%s age=%s ", values["told"], values["matched"], values["age"])
}
