package node_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
)

// secrets are the texts that must never be seen: any ten digits in a row that
// could be an NHS number, the names of the patients of these tests, and tokens.
var (
	tenDigits = regexp.MustCompile(`(^|[^0-9A-Za-z-])[0-9]{10}($|[^0-9A-Za-z-])`)
	secrets   = []string{
		nodetest.Jack, nodetest.Alex, nodetest.Nobody, "9912003889", "9990000069",
		"DAWKINS", "Dawkins", "DAWSON", "Jack", "OKONKWO", "Daniel", "2017-10-02", "LS17 7DF",
		"eyJhbGciOi", "eyJpc3Mi", "Bearer ", "NHSMESH ",
	}
)

// TestNothingOfPatientsIsSeen publishes, causes every refusal, sends messages
// with every line left out or repeated, and then searches the log, the metrics,
// the console and all answers for patients' data.
func TestNothingOfPatientsIsSeen(t *testing.T) {
	w := newRefusing(t)
	var answers []nodetest.Answer
	send := func(r *nodetest.Request) { answers = append(answers, w.Send(r)) }
	for _, r := range refusals {
		send(r.request(w))
	}
	for _, damaged := range damagedMessages(w.message) {
		send(w.PublishRequest(damaged).Set("InteractionID", "urn:nhs:names:services:events:Vaccinations.Write"))
		send(w.PublishRequest(damaged).Set("Prefer", "return=OperationOutcome"))
	}
	for _, misplaced := range []string{nodetest.Jack, "Bearer " + nodetest.Jack, "urn:nhs:names:services:events:" + nodetest.Jack + ".Write"} {
		for _, name := range []string{"fromASID", "toASID", "InteractionID", "Authorization", "Content-Type", "Accept", "Idempotency-Key"} {
			send(w.PublishRequest(w.message).Set(name, misplaced))
		}
	}
	send(w.ReadRequest(nodetest.Jack))
	send(w.ReadRequest("9912003888" + strings.Repeat("0", 22)))
	send(w.DeleteRequest("x?patient=" + nodetest.Jack))
	w.Publish(w.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.NoSuchGP))
	w.Collect(leeds)
	w.Stop()
	looksClean(t, "log", w.Log.String())
	refused := 0
	for _, a := range answers {
		if a.Status >= 300 {
			refused++
		}
		looksClean(t, "answer", string(a.Body))
		looksClean(t, "Location", a.Header.Get("Location"))
	}
	if refused < 200 {
		t.Errorf("a storm has refusals: expected at least 200; received %d", refused)
	}
}

// TestPagesOfOperatorsAreClean examines metrics and console after traffic.
func TestPagesOfOperatorsAreClean(t *testing.T) {
	w := newRefusing(t)
	for _, r := range refusals {
		w.Send(r.request(w))
	}
	w.Publish(w.Publisher(), w.message)
	for _, path := range []string{"/metrics", "/console/", "/console/mailboxes", "/console/refused", "/console/help", "/health"} {
		page := w.Get(path)
		if page.Status != 200 || len(page.Body) == 0 {
			t.Errorf("%s: expected a page; received %d with %d bytes", path, page.Status, len(page.Body))
		}
		if path == "/metrics" && !bytes.Contains(page.Body, []byte(`nems_answers_total{action="publish",code="PATIENT_NOT_FOUND",status="404"}`)) {
			t.Error("/metrics does not count the refusals by their code")
		}
		looksClean(t, path, stripDevWorld(string(page.Body)))
	}
}

// stripDevWorld removes from the console of a development server the commands
// with synthetic patients, which it shows on purpose.
func stripDevWorld(page string) string {
	return regexp.MustCompile(`(?s)<pre.*?</pre>|<code.*?</code>`).ReplaceAllString(page, "")
}

// damagedMessages returns copies of a message: each without one line, with one
// line repeated, or with one value spoilt.
func damagedMessages(message []byte) [][]byte {
	lines := bytes.SplitAfter(bytes.ReplaceAll(message, []byte("><"), []byte(">\n<")), []byte("\n"))
	var damaged [][]byte
	for i, line := range lines {
		without := bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil)
		twice := bytes.Join(append(append([][]byte{}, lines[:i+1]...), lines[i:]...), nil)
		damaged = append(damaged, without, twice)
		if spoilt := bytes.Replace(line, []byte(`value="`), []byte(`value="~ `), 1); !bytes.Equal(spoilt, line) {
			damaged = append(damaged, bytes.Join(append(append(append([][]byte{}, lines[:i]...), spoilt), lines[i+1:]...), nil))
		}
	}
	return damaged
}

// looksClean fails the test when a text contains a secret. It reports the place
// together with the secret, because all the people here are invented.
func looksClean(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range secrets {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%s holds %q: ...%s...", where, secret, text[max(0, at-200):min(len(text), at+100)])
		}
	}
	if at := tenDigits.FindStringIndex(text); at != nil && where != "/metrics" {
		t.Errorf("%s holds ten digits: ...%s...", where, text[max(0, at[0]-200):min(len(text), at[1]+50)])
	}
}
