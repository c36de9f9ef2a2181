package spine

import (
	"net/http"
	"testing"
)

func TestContentTypeForms(t *testing.T) {
	for _, row := range []struct {
		sent     string
		endpoint Endpoint
		want     Media
		ok       bool
	}{
		{"application/fhir+xml", EndpointPublish, Media{XML, "application/fhir+xml"}, true},
		{"application/fhir+xml;charset=utf-8", EndpointPublish, Media{XML, "application/fhir+xml;charset=utf-8"}, true},
		{"application/xml+fhir", EndpointPublish, Media{XML, "application/xml+fhir"}, true},
		{"application/xml+fhir;charset=utf-8", EndpointPublish, Media{XML, "application/xml+fhir;charset=utf-8"}, true},
		{"application/fhir+json", EndpointCreate, Media{JSON, "application/fhir+json"}, true},
		{"application/fhir+json;charset=utf-8", EndpointCreate, Media{JSON, "application/fhir+json;charset=utf-8"}, true},
		{"application/json+fhir", EndpointCreate, Media{JSON, "application/json+fhir"}, true},
		{"application/json+fhir;charset=utf-8", EndpointCreate, Media{JSON, "application/json+fhir;charset=utf-8"}, true},
		{"application/fhir+json; charset=utf-8", EndpointBatch, Media{JSON, "application/fhir+json;charset=utf-8"}, true},
		{`Application/FHIR+XML ; Charset="UTF-8"`, EndpointCreate, Media{XML, "application/fhir+xml;charset=utf-8"}, true},
		{"application/fhir+xml; fhirVersion=3.0", EndpointCreate, Media{XML, "application/fhir+xml"}, true},
		{"", EndpointCreate, DefaultMedia, true},
		{"application/fhir+json", EndpointPublish, DefaultMedia, false},
		{"application/xml", EndpointCreate, DefaultMedia, false},
	} {
		got, refusal := ContentType(http.Header{"Content-Type": {row.sent}}, row.endpoint)
		if got != row.want || (refusal == nil) != row.ok {
			t.Errorf("%q: got %v, %v", row.sent, got, refusal)
		}
	}
}

func TestNegotiate(t *testing.T) {
	json, xml := Media{JSON, "application/fhir+json"}, Media{XML, "application/fhir+xml"}
	for _, row := range []struct {
		sent []string
		want Media
		ok   bool
	}{
		{nil, DefaultMedia, true},
		{[]string{""}, DefaultMedia, true},
		{[]string{" , "}, DefaultMedia, true},
		{[]string{"*/*"}, DefaultMedia, true},
		{[]string{"application/*"}, DefaultMedia, true},
		{[]string{"text/html,*/*;q=0.8"}, DefaultMedia, true},
		{[]string{"application/fhir+json"}, json, true},
		{[]string{"application/fhir+json; charset=UTF-8"}, Media{JSON, "application/fhir+json;charset=utf-8"}, true},
		{[]string{"*/*, application/fhir+json"}, json, true},
		{[]string{"application/fhir+json, */*"}, json, true},
		{[]string{"application/fhir+xml, application/fhir+json"}, xml, true},
		{[]string{"application/fhir+xml;q=0.5, application/fhir+json"}, json, true},
		{[]string{"application/fhir+xml;q=0.5", "application/fhir+json;q=0.4"}, xml, true},
		{[]string{"application/fhir+json;q=0, */*;q=0.1"}, DefaultMedia, true},
		{[]string{`application/fhir+xml;x="a,b";q=0.2, application/fhir+json;Q=0.3`}, json, true},
		{[]string{"text/plain, application/fhir+json"}, json, true},
		{[]string{"text/plain"}, DefaultMedia, false},
		{[]string{"*/*;q=0"}, DefaultMedia, false},
		{[]string{"application/fhir+json;q=NaN"}, DefaultMedia, false},
		{[]string{"application/fhir+json;q=-1"}, DefaultMedia, false},
		{[]string{";;;"}, DefaultMedia, false},
	} {
		got, refusal := Negotiate(http.Header{"Accept": row.sent}, "", EndpointRead)
		if got != row.want || (refusal == nil) != row.ok {
			t.Errorf("%q: got %v, %v; want %v", row.sent, got, refusal, row.want)
		}
	}
}
