package receiver

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestASIDInEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"urn:nhs:addressing:asid:300000000161":       "300000000161",
		"https://example.nhs.uk/system/300000000161": "300000000161",
		"300000000161":                  "300000000161",
		"urn:nhs:addressing:asid:3":     "",
		"urn:nhs:addressing:ods:A83627": "",
		"":                              "",
	} {
		if got := asidIn(endpoint); got != want {
			t.Errorf("%q: %q", endpoint, got)
		}
	}
}

func TestReadSubscriptions(t *testing.T) {
	for partner, want := range map[string][]Subscription{
		"":                  nil,
		"a|x":               {{"a", "x"}},
		"a|x~~~b|y|z~~~c":   {{"a", "x"}, {"b", "y|z"}, {"c", ""}},
		"a|one two~~~b|~ ~": {{"a", "one two"}, {"b", "~ ~"}},
	} {
		if d := cmp.Diff(want, readSubscriptions(partner)); d != "" {
			t.Errorf("%q: %s", partner, d)
		}
	}
}

func TestBaseNameStaysInItsFolder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := Message{ID: rapid.String().Draw(t, "id")}.BaseName()
		if strings.ContainsAny(name, `/\.:`+"\x00") || len(name) > 100 {
			t.Fatalf("%q", name)
		}
	})
}

func TestRecordsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := record{op: opFinish, at: rapid.Int64().Draw(t, "at")}
		copy(r.key[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key"))
		copy(r.sequence[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "sequence"))
		r.known.Number = rapid.Int64Min(0).Draw(t, "number")
		r.known.MessageID = rapid.StringMatching(`[0-9a-f]{8}(-[0-9a-f]{4})?|`).Draw(t, "message")
		r.known.Kind = rapid.SampledFrom([]string{"", "new", "update", "delete"}).Draw(t, "kind")
		if rapid.Bool().Draw(t, "timed") {
			r.known.Time = time.Unix(rapid.Int64Range(-1e11, 1e12).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC()
		}
		got, err := decode(r.encode())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, got, cmp.AllowUnexported(record{})); d != "" {
			t.Fatal(d)
		}
	})
}

// Whatever is not a line of ours is refused; what is comes back as it was.
func FuzzDecode(f *testing.F) {
	f.Add(record{op: opFinish, at: 1, known: Known{Point: Point{Time: time.Unix(1, 5), Number: 3}}}.encode())
	f.Add(record{op: opAttempt, at: 1, attempt: 3}.encode())
	f.Add([]byte("F 1 2 3 4 - 00000000\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if r, err := decode(line); err == nil && string(r.encode()) != string(line) {
			t.Errorf("%q came back as %q", line, r.encode())
		}
	})
}

// Any body is an event with a key of its own, or has a problem.
func FuzzReadEvent(f *testing.F) {
	f.Add([]byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><resource><MessageHeader><id value="1"/>` +
		`<event><code value="x-1"/></event><source><endpoint value="urn:nhs:addressing:asid:300000000161"/></source></MessageHeader></resource></entry></Bundle>`))
	f.Add([]byte("{}"))
	r, err := New(Config{URL: "http://mesh.example", Mailbox: "BOX"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m := Message{ID: "M1", Kind: Other, Key: "mesh|M1", Body: body}
		r.readEvent(&m)
		isEvent := m.Kind == Event
		if isEvent != strings.HasPrefix(m.Key, "event|") || !isEvent && m.Problem == nil {
			t.Errorf("kind %s, key %s, problem %v", m.Kind, m.Key, m.Problem)
		}
	})
}
