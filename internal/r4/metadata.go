package r4

import (
	"net/http"
	"time"
)

type (
	capabilityStatement struct {
		ResourceType   string         `json:"resourceType"`
		ID             string         `json:"id"`
		Name           string         `json:"name"`
		Title          string         `json:"title"`
		Status         string         `json:"status"`
		Date           string         `json:"date"`
		Kind           string         `json:"kind"`
		Instantiates   []string       `json:"instantiates"`
		Software       named          `json:"software"`
		Implementation implementation `json:"implementation"`
		FHIRVersion    string         `json:"fhirVersion"`
		Format         []string       `json:"format"`
		Rest           []rest         `json:"rest"`
	}
	named struct {
		Name string `json:"name"`
	}
	implementation struct {
		Description string `json:"description"`
		URL         string `json:"url"`
	}
	rest struct {
		Mode     string         `json:"mode"`
		Security described      `json:"security"`
		Resource []restResource `json:"resource"`
	}
	described struct {
		Description string `json:"description"`
	}
	restResource struct {
		Extension        []extension   `json:"extension,omitempty"`
		Type             string        `json:"type"`
		SupportedProfile []string      `json:"supportedProfile,omitempty"`
		Interaction      []interaction `json:"interaction"`
		Versioning       string        `json:"versioning,omitempty"`
		SearchParam      []parameter   `json:"searchParam,omitempty"`
		Operation        []operation   `json:"operation,omitempty"`
	}
	interaction struct {
		Code          string `json:"code"`
		Documentation string `json:"documentation,omitempty"`
	}
	parameter struct {
		Name       string `json:"name"`
		Definition string `json:"definition,omitempty"`
		Type       string `json:"type"`
	}
	operation struct {
		Name       string `json:"name"`
		Definition string `json:"definition"`
	}
)

// metadata says what the API can do (input/fsh/Capabilities.fsh,
// CapabilitySubscriptionServerR4); it needs no token.
func (a *API) metadata(x *exchange) error {
	const guide = "http://hl7.org/fhir/uv/subscriptions-backport/"
	subscriptions := restResource{
		Type: "Subscription", SupportedProfile: []string{profile}, Versioning: "no-version",
		Interaction: []interaction{
			{"read", ""}, {"create", "A duplicate is refused with the id of the one that exists."},
			{"update", "Headers, heartbeat, timeout, max-count and contact; the status requested asks for another handshake."}, {"delete", ""}, {"search-type", ""},
		},
		SearchParam: []parameter{
			{"url", "http://hl7.org/fhir/SearchParameter/Subscription-url", "uri"}, {"status", "http://hl7.org/fhir/SearchParameter/Subscription-status", "token"},
			{"topic", guide + "SearchParameter/Subscription-topic", "string"},
		},
	}
	for _, name := range operations {
		subscriptions.Operation = append(subscriptions.Operation, operation{name, guide + "OperationDefinition/backport-subscription-" + name})
	}
	for _, t := range a.Catalogue().Types() {
		subscriptions.Extension = append(subscriptions.Extension, extension{URL: backport + "capabilitystatement-subscriptiontopic-canonical", ValueCanonical: topicBase + t.Code})
	}
	return x.show(http.StatusOK, capabilityStatement{
		ResourceType: "CapabilityStatement", ID: "nems-r4", Name: "NEMSR4", Title: "National Events Management Service: topic-based subscriptions in R4",
		Status: "active", Date: a.started.UTC().Format(time.RFC3339), Kind: "instance",
		Instantiates: []string{guide + "CapabilityStatement/backport-subscription-server-r4"},
		Software:     named{"nems"}, Implementation: implementation{"Topic-based subscriptions to events, sent to URLs", x.base}, FHIRVersion: "4.0.1",
		Format: []string{fhirJSON},
		Rest: []rest{{
			Mode:     "server",
			Security: described{"Mutual TLS, and a Spine JWT as Bearer token with the headers fromASID, toASID and InteractionID, as at /STU3; metadata and topics need neither."},
			Resource: []restResource{subscriptions, {
				Type: "Basic", Interaction: []interaction{{"read", "Topics"}, {"search-type", "Topics"}},
				SearchParam: []parameter{{"code", "http://hl7.org/fhir/SearchParameter/clinical-code", "token"}},
			}},
		}},
	})
}

// operations are those of the guide that there are.
var operations = []string{"status", "events", "resend"}
