package receiver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

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
		r.known.MessageID = rapid.StringMatching(`[-._0-9A-Za-z]{2,64}|`).Draw(t, "message")
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

// A line that encode did not write is refused; a line that it wrote decodes to the same record.
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

// focused is a message with the given focus in its header, at BASE/MessageHeader/1.
func focused(focus, contained, others string) []byte {
	return []byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><fullUrl value="https://a.nhs.uk/STU3/MessageHeader/1"/><resource><MessageHeader>` +
		`<id value="1"/>` + contained + `<event><code value="x-1"/></event><source><endpoint value="urn:nhs:addressing:asid:300000000161"/></source>` +
		focus + `</MessageHeader></resource></entry>` + others + `</Bundle>`)
}

func entry(fullURL, identifiers string) string {
	return `<entry><fullUrl value="` + fullURL + `"/><resource><Encounter>` + identifiers + `</Encounter></resource></entry>`
}

// The focus is found however it is referenced. A focus without an identifier is a
// problem, but the message is still an event.
func TestIdentifierOfTheFocus(t *testing.T) {
	const jab = `<identifier><system value="s"/><value value="v"/></identifier>`
	ref := func(text string) string { return `<focus><reference value="` + text + `"/></focus>` }
	found := Identifier{"s", "v"}
	for name, c := range map[string]struct {
		body []byte
		want Identifier
	}{
		"by UUID":                 {focused(ref("urn:uuid:1"), "", entry("urn:uuid:1", jab)), found},
		"absolute":                {focused(ref("https://b.nhs.uk/Encounter/1"), "", entry("https://b.nhs.uk/Encounter/1", jab)), found},
		"relative":                {focused(ref("Encounter/1"), "", entry("https://a.nhs.uk/STU3/Encounter/1", jab)), found},
		"relative to others":      {focused(ref("Encounter/1"), "", entry("https://b.nhs.uk/STU3/Encounter/1", jab)), Identifier{}},
		"contained":               {focused(ref("#e"), `<contained><Encounter><id value="e"/>`+jab+`</Encounter></contained>`, ""), found},
		"nowhere":                 {focused(ref("urn:uuid:2"), "", entry("urn:uuid:1", jab)), Identifier{}},
		"no focus":                {focused("", "", entry("urn:uuid:1", jab)), Identifier{}},
		"no identifier":           {focused(ref("urn:uuid:1"), "", entry("urn:uuid:1", "")), Identifier{}},
		"the first with a value":  {focused(ref("urn:uuid:1"), "", entry("urn:uuid:1", `<identifier><system value="x"/></identifier>`+jab)), found},
		"no system":               {focused(ref("urn:uuid:1"), "", entry("urn:uuid:1", `<identifier><value value="v"/></identifier>`)), Identifier{Value: "v"}},
		"a focus that is its own": {focused(ref("#"), "", ""), Identifier{}},
	} {
		m := readBody(t, c.body)
		missing := errors.Is(m.Problem, errFocus)
		if m.Kind != Event || m.Facts.Identifier != c.want || missing != c.want.IsZero() {
			t.Errorf("%s: %s, found %v, problem %v", name, m.Kind, m.Facts.Identifier == c.want, m.Problem)
		}
	}
}

func readBody(t testing.TB, body []byte) Message {
	t.Helper()
	r, err := New(Config{URL: "http://mesh.example", Mailbox: "BOX"})
	if err != nil {
		t.Fatal(err)
	}
	m := Message{ID: "M1", Kind: Other, Key: "mesh|M1", Body: body}
	r.readEvent(&m)
	return m
}

// The specification's own updates and deletes are about the same thing as its new events.
func TestOfficialExamplesAreOfOneThing(t *testing.T) {
	folder := filepath.Join("..", "testdata", "official")
	for _, name := range []string{"vaccinations-1", "Professional-Contacts-1", "blood-spot-test-outcome-1", "newborn-hearing-1", "nipe-outcome-1"} {
		known := Known{}
		things := map[string]bool{}
		for _, kind := range []string{"new", "update", "delete"} {
			body, err := os.ReadFile(filepath.Join(folder, name+"-"+kind+".xml"))
			if err != nil {
				t.Fatal(err)
			}
			m := readBody(t, body)
			thing, decisive := m.sequence()
			if things[thing] = true; !decisive || m.Problem != nil {
				t.Errorf("%s %s: decisive %v, %v", name, kind, decisive, m.Problem)
			}
			if order := m.known().compare(known); kind != "new" && order != Next {
				t.Errorf("%s %s comes %s", name, kind, order)
			}
			known = known.Merge(m.known())
		}
		if len(things) != 1 || known.Kind != kindDelete {
			t.Errorf("%s is about %d things, the last %s", name, len(things), known.Kind)
		}
	}
}

// A text in the audit is valid UTF-8, has one line, and is not longer than allowed.
func TestPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, longest := rapid.String().Draw(t, "text"), rapid.IntRange(0, 20).Draw(t, "longest")
		got := plain(text, longest)
		if !utf8.ValidString(got) || len(got) > longest+len("…") || strings.ContainsFunc(got, unicode.IsControl) {
			t.Fatalf("%q", got)
		}
	})
}

// Any body either is an event with a key of its own or has a problem.
func FuzzReadEvent(f *testing.F) {
	f.Add([]byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><resource><MessageHeader><id value="1"/>` +
		`<event><code value="x-1"/></event><source><endpoint value="urn:nhs:addressing:asid:300000000161"/></source></MessageHeader></resource></entry></Bundle>`))
	f.Add([]byte("{}"))
	f.Add(focused(`<focus><reference value="Encounter/1"/></focus>`, "", entry("https://a.nhs.uk/STU3/Encounter/1", `<identifier><value value="v"/></identifier>`)))
	f.Add(focused(`<focus><reference value="#e"/></focus>`, `<contained><Encounter><id value="e"/></Encounter></contained>`, ""))
	f.Fuzz(func(t *testing.T, body []byte) {
		m := readBody(t, body)
		isEvent := m.Kind == Event
		if isEvent != strings.HasPrefix(m.Key, "event|") || !isEvent && m.Problem == nil {
			t.Errorf("kind %s, key %s, problem %v", m.Kind, m.Key, m.Problem)
		}
		name, decisive := m.sequence()
		if len(m.Key)+len(name) > 2000 || decisive && name == "" || isEvent != (m.Effect() != "") {
			t.Errorf("key of %d bytes, sequence of %d, decisive %v, effect %q", len(m.Key), len(name), decisive, m.Effect())
		}
	})
}
