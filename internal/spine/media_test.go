package spine

import (
	"net/http"
	"testing"

	"nems/internal/access"
)

func TestContentTypeForms(t *testing.T) {
	for _, row := range []struct {
		sent     string
		endpoint Endpoint
		want     access.Media
		ok       bool
	}{
		{"application/fhir+xml", EndpointPublish, access.Media{Format: access.XML, Type: "application/fhir+xml"}, true},
		{"application/fhir+xml;charset=utf-8", EndpointPublish, access.Media{Format: access.XML, Type: "application/fhir+xml;charset=utf-8"}, true},
		{"application/xml+fhir", EndpointPublish, access.Media{Format: access.XML, Type: "application/xml+fhir"}, true},
		{"application/xml+fhir;charset=utf-8", EndpointPublish, access.Media{Format: access.XML, Type: "application/xml+fhir;charset=utf-8"}, true},
		{"application/fhir+json", EndpointCreate, access.Media{Format: access.JSON, Type: "application/fhir+json"}, true},
		{"application/fhir+json;charset=utf-8", EndpointCreate, access.Media{Format: access.JSON, Type: "application/fhir+json;charset=utf-8"}, true},
		{"application/json+fhir", EndpointCreate, access.Media{Format: access.JSON, Type: "application/json+fhir"}, true},
		{"application/json+fhir;charset=utf-8", EndpointCreate, access.Media{Format: access.JSON, Type: "application/json+fhir;charset=utf-8"}, true},
		{"application/fhir+json; charset=utf-8", EndpointBatch, access.Media{Format: access.JSON, Type: "application/fhir+json;charset=utf-8"}, true},
		{`Application/FHIR+XML ; Charset="UTF-8"`, EndpointCreate, access.Media{Format: access.XML, Type: "application/fhir+xml;charset=utf-8"}, true},
		{"application/fhir+xml; fhirVersion=3.0", EndpointCreate, access.Media{Format: access.XML, Type: "application/fhir+xml"}, true},
		{"", EndpointCreate, access.DefaultMedia, true},
		{"application/fhir+json", EndpointPublish, access.DefaultMedia, false},
		{"application/xml", EndpointCreate, access.DefaultMedia, false},
	} {
		got, refusal := ContentType(http.Header{"Content-Type": {row.sent}}, row.endpoint)
		if got != row.want || (refusal == nil) != row.ok {
			t.Errorf("%q: got %v, %v", row.sent, got, refusal)
		}
	}
}

func TestNegotiate(t *testing.T) {
	json, xml := access.Media{Format: access.JSON, Type: "application/fhir+json"}, access.Media{Format: access.XML, Type: "application/fhir+xml"}
	for _, row := range []struct {
		sent []string
		want access.Media
		ok   bool
	}{
		{nil, access.DefaultMedia, true},
		{[]string{""}, access.DefaultMedia, true},
		{[]string{" , "}, access.DefaultMedia, true},
		{[]string{"*/*"}, access.DefaultMedia, true},
		{[]string{"application/*"}, access.DefaultMedia, true},
		{[]string{"text/html,*/*;q=0.8"}, access.DefaultMedia, true},
		{[]string{"application/fhir+json"}, json, true},
		{[]string{"application/fhir+json; charset=UTF-8"}, access.Media{Format: access.JSON, Type: "application/fhir+json;charset=utf-8"}, true},
		{[]string{"*/*, application/fhir+json"}, json, true},
		{[]string{"application/fhir+json, */*"}, json, true},
		{[]string{"application/fhir+xml, application/fhir+json"}, xml, true},
		{[]string{"application/fhir+xml;q=0.5, application/fhir+json"}, json, true},
		{[]string{"application/fhir+xml;q=0.5", "application/fhir+json;q=0.4"}, xml, true},
		{[]string{"application/fhir+json;q=0, */*;q=0.1"}, access.DefaultMedia, true},
		{[]string{`application/fhir+xml;x="a,b";q=0.2, application/fhir+json;Q=0.3`}, json, true},
		{[]string{"text/plain, application/fhir+json"}, json, true},
		{[]string{"text/plain"}, access.DefaultMedia, false},
		{[]string{"*/*;q=0"}, access.DefaultMedia, false},
		{[]string{"application/fhir+json;q=NaN"}, access.DefaultMedia, false},
		{[]string{"application/fhir+json;q=-1"}, access.DefaultMedia, false},
		{[]string{";;;"}, access.DefaultMedia, false},
	} {
		got, refusal := Negotiate(http.Header{"Accept": row.sent}, "", EndpointRead)
		if got != row.want || (refusal == nil) != row.ok {
			t.Errorf("%q: got %v, %v; want %v", row.sent, got, refusal, row.want)
		}
	}
}
