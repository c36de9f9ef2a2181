package play_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/nhs"
	"nems/internal/node/nodetest"
	"nems/internal/play"
)

// recording records messages and returns the file and the messages in it.
func recording(t testing.TB, messages [][]byte, secret string) (file []byte, out [][]byte) {
	t.Helper()
	var b bytes.Buffer
	written, strange, err := play.Record(&b, messages, []byte(secret))
	if err != nil || written != len(messages) || len(strange) != 0 {
		t.Fatalf("%d of %d messages were recorded, %v strange: %v", written, len(messages), strange, err)
	}
	lines := bytes.Split(bytes.TrimSpace(b.Bytes()), []byte("\n"))
	for _, line := range lines[1:] {
		var r struct{ Message string }
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, []byte(r.Message))
	}
	return b.Bytes(), out
}

// valid reports what is wrong with a message at the level standard.
func valid(t testing.TB, message []byte) []string {
	t.Helper()
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	_, findings := types.Findings(message, catalogue.Standard)
	var wrong []string
	for _, f := range findings {
		if f.Severity == "error" || f.Severity == "fatal" {
			wrong = append(wrong, fmt.Sprint(f))
		}
	}
	return wrong
}

// TestRecordingHasNoPatients records messages about invented people, and looks in the
// file for every identifier that they had.
func TestRecordingHasNoPatients(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[A-Z][a-z]{7,11}`)
	rapid.Check(t, func(t *rapid.T) {
		number := nhs.NHSNumber{}
		for exists := false; !exists; {
			number, exists = nhs.TestNumber(rapid.IntRange(0, nhs.TestNumbers-1).Draw(t, "number"))
		}
		born := time.Date(1930, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 32000).Draw(t, "born")).Format(time.DateOnly)
		p := example.Patient{
			NHSNumber: number.Digits(), Family: name.Draw(t, "family"), Given: name.Draw(t, "given") + " " + name.Draw(t, "middle"), BirthDate: born,
			Postcode: rapid.SampledFrom([]string{"LS17 7DF", "WF14 0BQ", "ZE1 0AA"}).Draw(t, "postcode"),
		}
		code := rapid.SampledFrom(example.Codes()).Draw(t, "code")
		ids := 0
		g := example.Generator{
			NewID: func() string {
				ids++
				return uuid.NewSHA1(uuid.NameSpaceOID, []byte(fmt.Sprint(number.Digits(), ids))).String()
			},
			Now: func() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) },
		}
		message, err := g.Message(code, "", p)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if n, _, err := play.Record(&b, [][]byte{message}, []byte("a secret")); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		secrets := append(strings.Fields(p.Given), p.NHSNumber, p.Family, p.Postcode, strings.ToUpper(p.Family), p.BirthDate, "Example Street", "EXAMPLE STREET")
		for n := 1; n <= ids; n++ {
			secrets = append(secrets, uuid.NewSHA1(uuid.NameSpaceOID, []byte(fmt.Sprint(number.Digits(), n))).String())
		}
		for _, s := range secrets {
			if bytes.Contains(b.Bytes(), []byte(s)) {
				t.Fatalf("%s: %q is in the recording:\n%s", code, s, b.Bytes())
			}
		}
	})
}

// TestRecordingStaysValid records the examples of the specification: what was valid
// stays valid, and nothing that people wrote is left.
func TestRecordingStaysValid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/official/*.xml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	var messages [][]byte
	var before [][]string
	for _, f := range files {
		m, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		messages, before = append(messages, m), append(before, valid(t, m))
	}
	file, out := recording(t, messages, "a secret")
	again, _ := recording(t, messages, "a secret")
	other, _ := recording(t, messages, "another secret")
	if !bytes.Equal(file, again) || bytes.Equal(file, other) {
		t.Error("the same secret makes the same recording, and another one another")
	}
	for i, m := range out {
		if wrong := valid(t, m); len(wrong) > len(before[i]) {
			t.Errorf("%s: %d mistakes before, now:\n%s\n%s", files[i], len(before[i]), strings.Join(wrong, "\n"), m)
		}
	}
	for _, secret := range []string{"9912003888", "9434765919", "5900005879", "DAWKINS", "Dawkins", "1 Trevelyan", "Trevelyan", "<div", "LS1 "} {
		if bytes.Contains(file, []byte(secret)) {
			t.Errorf("%q is in the recording", secret)
		}
	}
}

// TestRecordingIsPlayed records the messages of two weeks, and plays them to another
// service, which accepts everything.
func TestRecordingIsPlayed(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	if sum, err := twoWeeks(t, 2).Play(t.Context(), service(s), play.Options{}); err != nil {
		t.Fatalf("%+v, %v", sum, err)
	}
	var messages [][]byte
	for _, m := range stored(t, s) {
		messages = append(messages, []byte(m))
	}
	if len(messages) < 20 {
		t.Fatalf("%d messages", len(messages))
	}
	file, _ := recording(t, messages, "a secret")
	if !play.IsRecording(file) {
		t.Fatal("it is no recording")
	}
	plan, err := play.FromRecording("ward.recording", file)
	if err != nil {
		t.Fatal(err)
	}
	there := nodetest.Boot(t)
	sum, err := plan.Play(context.Background(), service(there), play.Options{Faults: play.Faults{Duplicate: .3, Reorder: .2}})
	if err != nil || sum.Refused > 0 || sum.Done != sum.Steps || plan.Acts() != len(messages) {
		t.Fatalf("%+v, %v", sum, err)
	}
	if len(stored(t, there)) < len(messages) {
		t.Error("not all messages are stored")
	}
}

// TestRecordingThatIsWrong checks what is said of files that cannot be played.
func TestRecordingThatIsWrong(t *testing.T) {
	t.Parallel()
	const head = `{"recording":"nems","version":1,"messages":1}` + "\n"
	for text, says := range map[string]string{
		"{}\n": "no recording",
		`{"recording":"nems","version":2,"messages":0}`: "version 1; received 2",
		head:       "expected 1 messages; received 0",
		head + "{": "x:2: ",
		head + `{"at":"2026-03-02T00:00:00Z","event":"x","message":"<Bundle xmlns=\"http://hl7.org/fhir\"/>"}`: "x:2: the line holds no event message",
	} {
		if _, err := play.FromRecording("x", []byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v instead of %s", text, err, says)
		}
	}
}
