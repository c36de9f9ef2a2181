package api_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"nems/internal/broker"
)

// TestMetadata reads the CapabilityStatement without a token, in every format,
// and compares it with STU3 and with the table of endpoints.
func TestMetadata(t *testing.T) {
	fx := newFixture(t)
	for _, accept := range []string{"", "application/fhir+xml", "application/fhir+json", "application/json+fhir;charset=utf-8", "*/*"} {
		r := httptest.NewRequest("GET", "/STU3/metadata", nil)
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		answer := fx.send(r)
		if answer.Code != 200 {
			t.Fatalf("%s: %d %s", accept, answer.Code, answer.Body)
		}
		statement := parse(t, answer)
		if statement.Name() != "CapabilityStatement" || !statement.Child("fhirVersion").EqualValue("3.0.1") {
			t.Errorf("%s: received %s", accept, statement.Name())
		}
		var can []string
		rest := statement.Child("rest")
		for i := range rest.Child("resource").ChildrenNamed("interaction") {
			can = append(can, i.Child("code").Value())
		}
		if want := []string{"create", "read", "delete", "search-type"}; !slices.Equal(can, want) {
			t.Errorf("interactions: expected %v; received %v", want, can)
		}
		batch := rest.Child("interaction")
		if broker.MaxBatch != 1000 || !batch.Child("code").EqualValue("batch") || !strings.Contains(batch.Child("documentation").Value(), "1,000") {
			t.Error("it does not tell of batches and how large they may be")
		}
		if !rest.At("operation", "name").EqualValue("process-message") {
			t.Error("it does not tell of publishing")
		}
	}
	r := httptest.NewRequest("GET", "/STU3/metadata", nil)
	r.Header.Set("Accept", "text/html")
	refused(t, fx.send(r), 415, "UNSUPPORTED_MEDIA_TYPE")
}
