package pdsapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nems/internal/audit"
)

// The codes and diagnostics are those of PDS's own tests where it has some
// (karate-tests, getPatientDetails and invalidHeaders).
func TestReading(t *testing.T) {
	fx := start(t)
	const noID = "Invalid request with error - X-Request-ID header must be supplied to access this resource"
	for _, c := range []struct {
		method, path      string
		headers           map[string]string
		status            int
		code, diagnostics string
	}{
		{"GET", "/Patient/" + smith, nil, 200, "", ""},
		{"HEAD", "/Patient/" + nobody, nil, 404, notFound, ""},
		{"GET", "/Patient/" + nobody, nil, 404, notFound, ""},
		{"GET", "/Patient/" + withdrawn, nil, 404, invalidated, ""},
		{"GET", "/Patient/9000000000", nil, 400, invalidResourceID, ""},
		{"GET", "/Patient/900%200000009", nil, 400, invalidResourceID, ""},
		{"GET", "/Patient/", nil, 400, unsupportedService, "Missing NHS number"},
		{"GET", "/Patient/" + smith, map[string]string{"X-Request-ID": ""}, 400, missingValue, noID},
		{"GET", "/Patient/" + smith, map[string]string{"X-Request-ID": "1234"}, 400, invalidValue, "Invalid value - '1234' in header 'X-Request-ID'"},
		{"GET", "/Patient/" + smith + "/RelatedPerson", nil, 200, "", ""},
		{"GET", "/Patient/" + nobody + "/RelatedPerson", nil, 404, notFound, ""},
		{"DELETE", "/Patient/" + smith, nil, 405, invalidMethod, "Allowed methods are GET, HEAD, PATCH"},
		{"PUT", "/Patient", nil, 405, invalidMethod, "Allowed methods are GET, HEAD, POST"},
		{"GET", "/Patient/$process-birth-details", nil, 405, invalidMethod, "Allowed methods are POST"},
		{"GET", "/Observation", nil, 404, unsupportedService, ""},
		{"GET", "/Patient/" + smith + "/Observation", nil, 404, unsupportedService, ""},
		{"GET", "/personal-demographics/", nil, 404, unsupportedService, ""},
		{"GET", "/personal-demographics/FHIR/R4/../../", nil, 404, unsupportedService, ""},
		{"GET", "/oauth2/authorize", nil, 404, unsupportedService, ""},
		{"PATCH", "/Patient/" + smith, map[string]string{"If-Match": ""}, 412, preconditionFailed, "Invalid request with error - If-Match header must be supplied to update this resource"},
		{"PATCH", "/Patient/" + smith, map[string]string{"If-Match": `"2"`}, 412, preconditionFailed, ""},
		{"PATCH", "/Patient/" + smith, map[string]string{"Content-Type": "application/bananas"}, 400, unsupportedService, ""},
		{"PATCH", "/Patient/" + nobody, nil, 404, notFound, ""},
		{"PATCH", "/Patient/" + smith, nil, 400, invalidUpdate, "Invalid update with error - the body is not JSON in UTF-8 without repeated members"},
	} {
		got := fx.ask(c.method, c.path, "", c.headers)
		code, diagnostics := got.code()
		if got.status != c.status || code != c.code || c.diagnostics != "" && diagnostics != c.diagnostics {
			t.Errorf("%s %s: %d %s %q, want %d %s %q", c.method, c.path, got.status, code, diagnostics, c.status, c.code, c.diagnostics)
		}
	}
	for _, patches := range []string{`[{"op":"test","path":"/gender","value":"female"}]`, `{}`} {
		if code, diagnostics := fx.ask("PATCH", "/Patient/"+smith, patches, nil).code(); code != invalidUpdate || !strings.HasPrefix(diagnostics, "Invalid update with error - No patches found") {
			t.Errorf("%s: %s %s", patches, code, diagnostics)
		}
	}
	for _, e := range fx.audited {
		if e.User != openUser || e.Status == 0 || e.Action == "" || e.At.IsZero() {
			t.Errorf("%+v", e)
		}
	}
}

// A patient is shown as PDS shows one.
func TestPatient(t *testing.T) {
	fx := start(t)
	got := fx.ask("GET", "/Patient/"+smith, "", map[string]string{"X-Correlation-ID": "abc", "X-Request-ID": "60E0B220-8136-4CA5-AE46-1D97EF59D068"})
	for name, want := range map[string]string{
		"ETag": `W/"2"`, "Content-Type": fhirJSON, "X-Correlation-ID": "abc", "X-Request-ID": "60E0B220-8136-4CA5-AE46-1D97EF59D068",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
		}
	}
	for _, c := range []struct {
		want any
		path []any
	}{
		{"Patient", []any{"resourceType"}},
		{smith, []any{"identifier", 0, "value"}},
		{"01", []any{"identifier", 0, "extension", 0, "valueCodeableConcept", "coding", 0, "code"}},
		{"2", []any{"meta", "versionId"}},
		{"U", []any{"meta", "security", 0, "code"}},
		{"Smith", []any{"name", 0, "family"}},
		{"Boar Lane", []any{"address", 0, "line", 1}},
		{"PAF", []any{"address", 0, "extension", 0, "extension", 0, "valueCoding", "code"}},
		{"B86056", []any{"generalPractitioner", 0, "identifier", "value"}},
		{"2020-01-01", []any{"generalPractitioner", 0, "identifier", "period", "start"}},
		{pharmacyURL, []any{"extension", 0, "url"}},
		{"French", []any{"extension", 3, "extension", 0, "valueCodeableConcept", "coding", 0, "display"}},
		{"Manchester", []any{"extension", 5, "valueAddress", "city"}},
		{"C", []any{"contact", 0, "relationship", 0, "coding", 0, "code"}},
	} {
		if v := at(got.body, c.path...); v != c.want {
			t.Errorf("%v: %v, want %v", c.path, v, c.want)
		}
	}
	if e := fx.audited[0]; len(fx.audited) != 1 || e.Action != audit.ActionReadRecord || e.Patient.Digits() != smith || e.Object != "60e0b220-8136-4ca5-ae46-1d97ef59d068" {
		t.Errorf("%+v", fx.audited)
	}
}

// A restricted record tells nothing of where the patient is.
func TestRestricted(t *testing.T) {
	fx := start(t)
	body := fx.get("/Patient/" + restricted).body
	if at(body, "meta", "security", 0, "code") != "R" || at(body, "meta", "security", 0, "display") != "restricted" || at(body, "name", 0, "family") != "Smith" {
		t.Errorf("%v", body)
	}
	for _, member := range []string{"address", "telecom", "contact", "generalPractitioner", "managingOrganization"} {
		if body[member] != nil {
			t.Errorf("%s is shown", member)
		}
	}
	extensions, _ := body["extension"].([]any)
	for _, e := range extensions {
		if url := at(e, "url"); url != communicationURL && url != preferenceURL {
			t.Errorf("%v is shown", url)
		}
	}
	if total := at(fx.get("/Patient/"+restricted+"/RelatedPerson").body, "total"); total != 0.0 {
		t.Errorf("%v relatives are shown", total)
	}
	got := fx.patch(restricted, `{"op":"replace","path":"/gender","value":"male"}`)
	if code, _ := got.code(); got.status != http.StatusForbidden || code != forbiddenUpdate {
		t.Errorf("%d %s", got.status, code)
	}
}

// A superseded number leads to the record that counts; updating it is refused.
func TestSuperseded(t *testing.T) {
	fx := start(t)
	if got := fx.get("/Patient/" + old); at(got.body, "id") != smith || got.header.Get("ETag") != `W/"2"` {
		t.Errorf("%v", got.body)
	}
	got := fx.patch(old, `{"op":"replace","path":"/gender","value":"male"}`)
	if code, diagnostics := got.code(); got.status != 400 || code != invalidUpdate || !strings.Contains(diagnostics, "superseded") {
		t.Errorf("%d %s %s", got.status, code, diagnostics)
	}
	r := fx.records.all[old]
	r.SupersededBy = number(old)
	fx.records.all[old] = r
	if got := fx.get("/Patient/" + old); got.status != 404 {
		t.Errorf("a circle: %d", got.status)
	}
}

func TestRelatedPersons(t *testing.T) {
	fx := start(t)
	body := fx.get("/Patient/" + smith + "/RelatedPerson").body
	for _, c := range []struct {
		want any
		path []any
	}{
		{2.0, []any{"total"}},
		{"https://pds.example" + Base + "/Patient/" + smith + "/RelatedPerson/R1", []any{"entry", 0, "fullUrl"}},
		{restricted, []any{"entry", 0, "resource", "patient", "identifier", "value"}},
		{"MTH", []any{"entry", 0, "resource", "relationship", 0, "coding", 1, "code"}},
		{"NotSpecified", []any{"entry", 1, "resource", "relationship", 0, "coding", 1, "code"}},
		{"John", []any{"entry", 1, "resource", "name", 0, "given", 0}},
	} {
		if v := at(body, c.path...); v != c.want {
			t.Errorf("%v: %v, want %v", c.path, v, c.want)
		}
	}
}

// More requests than can be served at once wait, and those that wait too long are told.
func TestBusy(t *testing.T) {
	fx := start(t)
	for range servedAtOnce {
		fx.api.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	fx.api.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", Base+"/Patient/"+smith, nil))
	if w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), tooManyRequests) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	<-fx.api.slots
	if got := fx.get("/Patient/" + smith); got.status != 200 {
		t.Errorf("%d", got.status)
	}
}
