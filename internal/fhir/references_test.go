package fhir

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// patients makes a Bundle of Patients: fullUrl, id and further content of each.
func patients(entries ...[3]string) string {
	var b strings.Builder
	b.WriteString(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/>`)
	for _, e := range entries {
		fmt.Fprintf(&b, `<entry><fullUrl value="%s"/><resource><Patient><id value="%s"/>%s</Patient></resource></entry>`, e[0], e[1], e[2])
	}
	return b.String() + `</Bundle>`
}

func referencesOf(t *testing.T, xml string) *References {
	t.Helper()
	doc, _, err := ParseXML([]byte(xml))
	if err != nil {
		t.Fatal(err)
	}
	return doc.References()
}

// TestReferencesLeadWhereSTU3Says tries each form of reference from each form
// of fullUrl.
func TestReferencesLeadWhereSTU3Says(t *testing.T) {
	refs := referencesOf(t, patients(
		[3]string{"https://a.example/fhir/Patient/1", "a1", `<contained><Patient><id value="c"/></Patient></contained>`},
		[3]string{"https://a.example/fhir/Patient/2", "a2", ``},
		[3]string{"https://b.example/Patient/2", "b2", `<contained><Patient><id value="c"/></Patient></contained>`},
		[3]string{"urn:uuid:11111111-1111-4111-8111-111111111111", "u1", ``},
		[3]string{"https://a.example/fhir/Patient/2", "again", ``},
		[3]string{"https://Patient/1", "host", ``},
	))
	for _, c := range []struct {
		from      int
		reference string
		entry     int
		id        string // of the resource; "" where the reference leads nowhere
	}{
		{0, "https://b.example/Patient/2", 2, "b2"},
		{0, "urn:uuid:11111111-1111-4111-8111-111111111111", 3, "u1"},
		{0, "Patient/2", 1, "a2"},
		{2, "Patient/2", 2, "b2"},
		{2, "Patient/1", 0, ""},
		{3, "Patient/1", 0, ""}, // a urn has no base
		{0, "Practitioner/2", 0, ""},
		{0, "/Patient/2", 0, ""},
		{0, "2", 0, ""},
		{0, "#c", 0, "c"},
		{1, "#c", 0, ""},
		{2, "#c", 2, "c"},
		{1, "#", 1, "a2"},
		{0, "", 0, ""},
		{5, "Patient/1", 0, ""},
		{9, "Patient/1", 0, ""},
		{0, "Patient/2/_history/1", 0, ""}, // the resource has no version
	} {
		got := refs.Resolve(c.from, []byte(c.reference))
		if got.Found() != (c.id != "") || got.Found() && (got.Entry != c.entry || got.Resource.Child("id").Value() != c.id) {
			t.Errorf("%q from entry %d: entry %d, %q; want entry %d, %q", c.reference, c.from, got.Entry, got.Resource.Child("id").Value(), c.entry, c.id)
		}
	}
}

func TestReferencesToAVersion(t *testing.T) {
	refs := referencesOf(t, patients([3]string{"https://a.example/Patient/1", "1", `<meta><versionId value="3"/></meta>`}))
	for reference, found := range map[string]bool{
		"Patient/1/_history/3": true, "https://a.example/Patient/1/_history/3": true, "Patient/1/_history/2": false, "Patient/1/_history/": false,
	} {
		if got := refs.Resolve(0, []byte(reference)); got.Found() != found {
			t.Errorf("%s: found %v", reference, got.Found())
		}
	}
}

func TestClaimsInside(t *testing.T) {
	for reference, inside := range map[string]bool{
		"": false, "#a": true, "Patient/1": true, "1": true, "../Patient/1": true, "urn:uuid:1": true, "URN:UUID:1": true, "urn:oid:1.2": true,
		"https://a.example/Patient/1": false, "urn:nhs:names:x": false, "mailto:a@b.example": false, "3cfdf880-13e9-4f6b-8299-53e96ef5ec02": true,
	} {
		if got := ClaimsInside([]byte(reference)); got != inside {
			t.Errorf("%q: %v", reference, got)
		}
	}
}

// TestReferencesStayLinear: neither many entries nor one long base makes
// look-ups expensive. Joining base and reference would copy a terabyte here.
func TestReferencesStayLinear(t *testing.T) {
	const n = 12_000
	long := "https://a.example/" + strings.Repeat("a", 1<<20)
	entries := [][3]string{{long + "/Patient/0", "0", ""}}
	for i := range n {
		entries = append(entries, [3]string{fmt.Sprintf("https://a.example/Patient/%d", i), "x", ""})
	}
	refs := referencesOf(t, patients(entries...))
	started := time.Now()
	for i := range n {
		if refs.Resolve(0, fmt.Appendf(nil, "Patient/%d", i+1)).Found() || !refs.Resolve(1, fmt.Appendf(nil, "Patient/%d", i)).Found() {
			t.Fatalf("reference %d", i)
		}
	}
	if spent := time.Since(started); spent > 5*time.Second {
		t.Errorf("%d references took %v", 2*n, spent)
	}
}
