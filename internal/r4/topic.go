package r4

import (
	"net/http"
	"strings"

	"nems/internal/catalogue"
	"nems/internal/refuse"
)

// URLs of what a SubscriptionTopic has in the form of a Basic resource
// (input/fsh/BackportTopics.fsh).
const (
	topic5     = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic."
	topic43    = "http://hl7.org/fhir/4.3/StructureDefinition/extension-SubscriptionTopic."
	fhirTypes  = "http://hl7.org/fhir/fhir-types"
	eventCodes = "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"
)

type basic struct {
	ResourceType      string      `json:"resourceType"`
	ID                string      `json:"id"`
	Extension         []extension `json:"extension"`
	ModifierExtension []extension `json:"modifierExtension"`
	Code              concept     `json:"code"`
}

// topicOf describes an event type: one topic has the events of one type, and all have
// the same filters.
func topicOf(t *catalogue.EventType) basic {
	out := basic{
		ResourceType: "Basic", ID: t.Code, Code: concept{[]coding{{fhirTypes, "SubscriptionTopic", ""}}},
		ModifierExtension: []extension{{URL: topic5 + "status", ValueCode: topicStatus(t)}},
		Extension: []extension{
			{URL: topic5 + "url", ValueURI: topicBase + t.Code},
			{URL: topic5 + "title", ValueString: t.Display},
			{URL: topic5 + "description", ValueMarkdown: "Event messages of the type " + t.Code + " (" + strings.Join(t.Kinds, ", ") + ")."},
			{URL: topic43 + "eventTrigger", Extension: []extension{
				{URL: "description", ValueMarkdown: "An event message of the type " + t.Code + " was accepted."},
				{URL: "event", ValueConcept: &concept{[]coding{{eventCodes, t.Code, t.Display}}}},
				{URL: "resource", ValueURI: "http://hl7.org/fhir/StructureDefinition/Binary"},
			}},
		},
	}
	for _, f := range filters {
		out.Extension = append(out.Extension, extension{URL: topic43 + "canFilterBy", Extension: []extension{
			{URL: "description", ValueMarkdown: f.description}, {URL: "filterParameter", ValueString: f.name},
		}})
	}
	return out
}

func topicStatus(t *catalogue.EventType) string {
	if t.LifeCycle.State == catalogue.Withdrawn || t.LifeCycle.State == catalogue.NoLongerSupported {
		return "retired"
	}
	return "active"
}

func (a *API) readTopic(x *exchange) error {
	t, known := a.Catalogue().Type(x.object)
	if !known {
		return refuse.NoRecordFound("there is no topic of this id: GET " + Base + "/Basic lists all")
	}
	return x.show(http.StatusOK, topicOf(t))
}

// searchTopics lists all topics. The only parameter is the code that the guide has
// clients look for.
func (a *API) searchTopics(x *exchange) error {
	values, err := x.values()
	if err != nil {
		return err
	}
	for name, given := range values {
		if code := given[0]; name != "code" || len(given) > 1 || code != fhirTypes+"|SubscriptionTopic" && code != "SubscriptionTopic" {
			return refuse.BadRequest("search: expected code=" + fhirTypes + "|SubscriptionTopic or no parameter; received another one")
		}
	}
	out := bundleJSON{ResourceType: "Bundle", Type: "searchset", Link: x.links("/Basic", values, "")}
	for _, t := range a.Catalogue().Types() {
		out.Entry = append(out.Entry, entryJSON{x.base + "/Basic/" + t.Code, topicOf(t), searchJSON{"match"}})
	}
	return x.show(http.StatusOK, out)
}
