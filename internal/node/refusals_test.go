package node_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"nems/internal/node/nodetest"
)

// refusal is one request with one mistake, and its answer.
type refusal struct {
	name    string
	request func(w *refusing) *nodetest.Request
	status  int
	code    string // of the Spine
	says    string // somewhere in the diagnostics
	allow   string // methods that the Allow header names, among others
	asks    string // the WWW-Authenticate header
}

// refusing is the world of the refusals.
type refusing struct {
	*nodetest.Server
	t       testing.TB
	message []byte // a good one
	leeds   string // subscriptions
	foreign string
	deleted string
}

const patientsCriteria = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9434765919&MessageHeader.event=vaccinations-1"

// issueTypes are the FHIR issue types that Spine Core, "Error handling", gives
// for its codes.
var issueTypes = map[string]string{
	"INVALID_NHS_NUMBER": "value", "INVALID_PATIENT_DEMOGRAPHICS": "business-rule", "ORGANISATION_NOT_FOUND": "not-found",
	"PATIENT_NOT_FOUND": "not-found", "NO_RECORD_FOUND": "not-found", "ACCESS_DENIED": "forbidden",
	"ASID_CHECK_FAILED": "forbidden", "INVALID_REQUEST_MESSAGE": "value", "DUPLICATE_REJECTED": "duplicate",
	"MSG_RESOURCE_ID_FAIL": "forbidden", "BAD_REQUEST": "invalid", "MISSING_OR_INVALID_HEADER": "invalid",
	"MESSAGE_NOT_WELL_FORMED": "structure", "UNSUPPORTED_MEDIA_TYPE": "invalid",
	"INVALID_RESOURCE": "invalid", "REFERENCE_NOT_FOUND": "invalid", "NOT_IMPLEMENTED": "not-supported",
}

// body is a good publish with its body changed.
func body(change func(w *refusing) []byte) func(*refusing) *nodetest.Request {
	return func(w *refusing) *nodetest.Request {
		r := w.PublishRequest(w.message) // whose interaction id is that of the good one
		r.Body = change(w)
		return r
	}
}

// text is a good publish of another body.
func text(s string) func(*refusing) *nodetest.Request {
	return body(func(*refusing) []byte { return []byte(s) })
}

// replaced is a good publish with one text of its message replaced.
func replaced(from, to string) func(*refusing) *nodetest.Request {
	return body(func(w *refusing) []byte { return nodetest.Replace(w.t, w.message, from, to) })
}

// header is a good publish with one header changed; "" leaves it out.
func header(name, value string) func(*refusing) *nodetest.Request {
	return func(w *refusing) *nodetest.Request {
		if value == "" {
			return w.PublishRequest(w.message).Without(name)
		}
		return w.PublishRequest(w.message).Set(name, value)
	}
}

// subscribing is a good creation with one text of its body replaced.
func subscribing(from, to string) func(*refusing) *nodetest.Request {
	return func(w *refusing) *nodetest.Request {
		good := nodetest.SubscriptionXML(patientsCriteria, leeds, "RR8")
		return w.SubscribeRequest(nodetest.Replace(w.t, good, from, to))
	}
}

// criteria is a creation with other criteria.
func criteria(s string) func(*refusing) *nodetest.Request {
	return func(w *refusing) *nodetest.Request {
		return w.SubscribeRequest(nodetest.SubscriptionXML(s, leeds, "RR8"))
	}
}

const tooMuch = 3<<20 + 1

var refusals = []refusal{
	// The message.
	{name: "no body", request: text(""), status: 400, code: "MESSAGE_NOT_WELL_FORMED"},
	{name: "not XML", request: text("MSH|^~\\&|HL7 of old"), status: 400, code: "MESSAGE_NOT_WELL_FORMED"},
	{name: "JSON", request: text(`{"resourceType":"Bundle"}`), status: 400, code: "MESSAGE_NOT_WELL_FORMED"},
	{name: "cut short", request: body(func(w *refusing) []byte { return w.message[:len(w.message)/2] }), status: 400, code: "MESSAGE_NOT_WELL_FORMED"},
	{name: "two roots", request: body(func(w *refusing) []byte { return append(bytes.Clone(w.message), "<a/>"...) }), status: 400, code: "MESSAGE_NOT_WELL_FORMED"},
	{name: "a DOCTYPE", request: text(`<!DOCTYPE Bundle [<!ENTITY a "b">]><Bundle xmlns="http://hl7.org/fhir"/>`), status: 400, code: "MESSAGE_NOT_WELL_FORMED"},
	{name: "not UTF-8", request: text("<Bundle xmlns=\"http://hl7.org/fhir\"><id value=\"\xff\"/></Bundle>"), status: 400, code: "MESSAGE_NOT_WELL_FORMED"},
	{name: "as deep as a well", request: text(strings.Repeat("<a>", 100_000)), status: 400, code: "MESSAGE_NOT_WELL_FORMED"},
	{name: "not a Bundle", request: text(`<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>`), status: 422, code: "INVALID_RESOURCE"},
	{name: "another namespace", request: text(`<Bundle xmlns="urn:hl7-org:v3"><type value="message"/></Bundle>`), status: 422, code: "INVALID_RESOURCE"},
	{name: "a Bundle of another type", request: replaced(`<type value="message"/>`, `<type value="document"/>`), status: 422, code: "INVALID_RESOURCE"},
	{name: "no MessageHeader", request: text(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/></Bundle>`), status: 422, code: "INVALID_RESOURCE"},
	{name: "an element that STU3 does not have", request: replaced(`<type value="message"/>`, `<type value="message"/><colour value="red"/>`), status: 422, code: "INVALID_RESOURCE"},
	{name: "an unknown event code", request: replaced(`"vaccinations-1"`, `"moon-landings-1"`), status: 400, code: "MISSING_OR_INVALID_HEADER", says: "moon-landings-1"},
	{name: "a number with blanks", request: replaced(nodetest.Jack, "991 200 3888"), status: 400, code: "INVALID_NHS_NUMBER"},
	{name: "a bad check digit", request: replaced(nodetest.Jack, "9912003889"), status: 400, code: "INVALID_NHS_NUMBER"},
	{name: "an unknown patient", request: replaced(nodetest.Jack, nodetest.Nobody), status: 404, code: "PATIENT_NOT_FOUND"},
	{name: "another family name", request: replaced(`"DAWKINS"`, `"DAWSON"`), status: 400, code: "INVALID_PATIENT_DEMOGRAPHICS", says: "family"},
	{name: "another birth date", request: replaced(`2017-10-02`, `2017-10-03`), status: 400, code: "INVALID_PATIENT_DEMOGRAPHICS", says: "birthDateTime"},
	{name: "a Patient of another name", request: replaced(`<name><use value="official"/><family value="DAWKINS"/>`, `<name><use value="official"/><family value="DAWSON"/>`), status: 400, code: "INVALID_PATIENT_DEMOGRAPHICS", says: "routing demographics"},
	{name: "two kinds", request: replaced(`<display value="New event message"/></coding>`, `<display value="New event message"/></coding><coding><system value="https://fhir.nhs.uk/STU3/CodeSystem/MessageEventType-1"/><code value="delete"/><display value="Delete event message"/></coding>`), status: 422, code: "INVALID_RESOURCE", says: "messageEventType"},
	{name: "a reference to a contained resource that is not there", request: replaced(`<encounter><reference value="urn:uuid:`, `<encounter><reference value="#`), status: 422, code: "REFERENCE_NOT_FOUND"},
	{name: "a relative reference that leads nowhere", request: replaced(`<encounter><reference value="urn:uuid:`, `<encounter><reference value="Encounter/`), status: 422, code: "REFERENCE_NOT_FOUND"},
	{name: "larger than 3 MB", request: body(func(*refusing) []byte { return bytes.Repeat([]byte(" "), tooMuch) }), status: 413, code: "INVALID_REQUEST_MESSAGE"},
	{name: "larger than 3 MB, which nobody said", request: func(w *refusing) *nodetest.Request {
		r := body(func(*refusing) []byte { return bytes.Repeat([]byte(" "), tooMuch) })(w)
		r.Chunked = true
		return r
	}, status: 413, code: "INVALID_REQUEST_MESSAGE"},

	// Who is calling.
	{name: "no token", request: header("Authorization", ""), status: 400, code: "MISSING_OR_INVALID_HEADER", says: "Authorization HTTP Header is missing", asks: `Bearer realm="NEMS"`},
	{name: "a token that is none", request: header("Authorization", "Bearer open.sesame"), status: 400, code: "MISSING_OR_INVALID_HEADER", asks: `Bearer realm="NEMS", error="invalid_token"`},
	{name: "another scheme", request: header("Authorization", "Basic cGFzc3dvcmQ="), status: 400, code: "MISSING_OR_INVALID_HEADER", asks: `Bearer realm="NEMS"`},
	{name: "a token that has expired", request: token(func(w *refusing) string {
		k := w.Token(nodetest.PublisherID, "A83627", "patient/Bundle.write")
		k.Issued = k.Issued.Add(-time.Hour)
		return k.Unsigned()
	}), status: 400, code: "MISSING_OR_INVALID_HEADER", says: "exp"},
	{name: "a token from tomorrow", request: token(func(w *refusing) string {
		k := w.Token(nodetest.PublisherID, "A83627", "patient/Bundle.write")
		k.Issued = k.Issued.Add(24 * time.Hour)
		return k.Unsigned()
	}), status: 400, code: "MISSING_OR_INVALID_HEADER", says: "iat"},
	{name: "a token for reading", request: token(func(w *refusing) string {
		return w.Token(nodetest.PublisherID, "A83627", "patient/Subscription.read").Unsigned()
	}), status: 400, code: "MISSING_OR_INVALID_HEADER", says: "scope", asks: `Bearer realm="NEMS", error="insufficient_scope", scope="patient/Bundle.write"`},
	{name: "the token of another system", request: token(func(w *refusing) string {
		return w.Token(nodetest.SpineID, "X26", "patient/Bundle.write").Unsigned()
	}), status: 400, code: "MISSING_OR_INVALID_HEADER", says: "requesting_system"},
	{name: "a token without an organisation", request: token(func(w *refusing) string {
		return w.Token(nodetest.PublisherID, "", "patient/Bundle.write").Unsigned()
	}), status: 400, code: "MISSING_OR_INVALID_HEADER", says: "requesting_organisation"},
	{name: "another organisation", request: token(func(w *refusing) string {
		return w.Token(nodetest.PublisherID, "RR8", "patient/Bundle.write").Unsigned()
	}), status: 403, code: "ACCESS_DENIED"},
	{name: "no fromASID", request: header("fromASID", ""), status: 400, code: "MISSING_OR_INVALID_HEADER", says: "fromASID HTTP Header is missing"},
	{name: "no toASID", request: header("toASID", ""), status: 400, code: "MISSING_OR_INVALID_HEADER", says: "toASID HTTP Header is missing"},
	{name: "no InteractionID", request: header("InteractionID", ""), status: 400, code: "MISSING_OR_INVALID_HEADER", says: "InteractionID HTTP Header is missing"},
	{name: "an ASID of the wrong form", request: header("fromASID", "12"), status: 400, code: "MISSING_OR_INVALID_HEADER"},
	{name: "another service's ASID", request: header("toASID", "222222222222"), status: 403, code: "ASID_CHECK_FAILED"},
	{name: "an unknown system", request: func(w *refusing) *nodetest.Request {
		return w.PublishRequest(w.message).Set("fromASID", "999999999999").
			Set("Authorization", "Bearer "+w.Token("999999999999", "A83627", "patient/Bundle.write").Unsigned())
	}, status: 403, code: "ASID_CHECK_FAILED"},
	{name: "a subscriber who publishes", request: func(w *refusing) *nodetest.Request {
		return w.PublishRequest(w.message).Set("fromASID", nodetest.LeedsID).
			Set("Authorization", "Bearer "+w.Token(nodetest.LeedsID, "RR8", "patient/Bundle.write").Unsigned())
	}, status: 403, code: "ASID_CHECK_FAILED"},
	{name: "the interaction of another event", request: header("InteractionID", "urn:nhs:names:services:events:NewbornHearing.Write"), status: 400, code: "MISSING_OR_INVALID_HEADER", says: "InteractionID"},
	{name: "the interaction of another endpoint", request: header("InteractionID", "urn:nhs:names:services:clinicals-sync:SubscriptionsApiPost"), status: 400, code: "MISSING_OR_INVALID_HEADER"},
	{name: "demographics from a surgery", request: func(w *refusing) *nodetest.Request {
		return w.PublishRequest(nodetest.Message(w.t, "pds-change-of-gp-1", "new", nodetest.Jack))
	}, status: 403, code: "ACCESS_DENIED"},

	// What it comes as.
	{name: "Content-Type of another world", request: header("Content-Type", "text/plain"), status: 415, code: "UNSUPPORTED_MEDIA_TYPE"},
	{name: "Content-Type JSON for a message", request: header("Content-Type", "application/fhir+json"), status: 415, code: "UNSUPPORTED_MEDIA_TYPE"},
	{name: "Accept HTML only", request: header("Accept", "text/html"), status: 415, code: "UNSUPPORTED_MEDIA_TYPE"},
	{name: "a packed body", request: header("Content-Encoding", "gzip"), status: 415, code: "UNSUPPORTED_MEDIA_TYPE"},
	{name: "GET where one POSTs", request: method("GET", nodetest.PublishPath), status: 405, code: "BAD_REQUEST", allow: "POST"},
	{name: "another resource", request: method("GET", "/STU3/Patient/1"), status: 501, code: "NOT_IMPLEMENTED"},
	{name: "another operation", request: method("POST", "/STU3/Events/1/$foo"), status: 501, code: "NOT_IMPLEMENTED"},
	{name: "an operation on the base", request: method("POST", "/STU3/$bar"), status: 501, code: "NOT_IMPLEMENTED"},
	{name: "a slash that is none", request: method("POST", "/STU3/Events%2F1/$process-message"), status: 501, code: "NOT_IMPLEMENTED"},
	{name: "outside of FHIR", request: method("GET", "/STU4/Patient/1"), status: 404, code: "NO_RECORD_FOUND"},
	{name: "a base that is none", request: method("GET", "/STU3%2FSubscription"), status: 404, code: "NO_RECORD_FOUND"},
	{name: "a format that is none", request: func(w *refusing) *nodetest.Request {
		r := w.ReadRequest(w.leeds)
		r.Path += "?_format=ttl"
		return r
	}, status: 415, code: "UNSUPPORTED_MEDIA_TYPE", says: "_format"},
	{name: "a summary of one", request: func(w *refusing) *nodetest.Request {
		r := w.ReadRequest(w.leeds)
		r.Path += "?_summary=count"
		return r
	}, status: 400, code: "BAD_REQUEST", says: "_summary"},
	{name: "PUT of a subscription", request: method("PUT", nodetest.SubscribePath+"/"+unissued), status: 405, code: "BAD_REQUEST", allow: "GET DELETE"},
	{name: "DELETE of all subscriptions", request: method("DELETE", nodetest.SubscribePath), status: 405, code: "BAD_REQUEST", allow: "POST"},
	{name: "an unknown path", request: method("POST", "/STU3/Patient"), status: 501, code: "NOT_IMPLEMENTED"},
	{name: "a path with a slash too many", request: method("POST", "/STU3//Subscription"), status: 404, code: "NO_RECORD_FOUND"},
	{name: "a path outside of FHIR and MESH", request: method("POST", "/somewhere"), status: 404, code: "NO_RECORD_FOUND"},
	{name: "a path with dots", request: method("POST", "/STU3/../STU3/Subscription"), status: 404, code: "NO_RECORD_FOUND"},
	{name: "a path with a slash behind", request: method("POST", nodetest.SubscribePath+"/"), status: 404, code: "NO_RECORD_FOUND"},

	// Subscriptions.
	{name: "a subscription that is not XML", request: func(w *refusing) *nodetest.Request { return w.SubscribeRequest([]byte("please")) }, status: 400, code: "MESSAGE_NOT_WELL_FORMED"},
	{name: "a subscription that is another resource", request: func(w *refusing) *nodetest.Request {
		return w.SubscribeRequest([]byte(`<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>`))
	}, status: 422, code: "INVALID_RESOURCE"},
	{name: "another status", request: subscribing(`"requested"`, `"active"`), status: 422, code: "INVALID_RESOURCE"},
	{name: "another channel", request: subscribing(`<type value="message"/>`, `<type value="email"/>`), status: 422, code: "INVALID_RESOURCE"},
	{name: "an id of its own", request: subscribing(`<meta>`, `<id value="mine"/><meta>`), status: 405, code: "MSG_RESOURCE_ID_FAIL"},
	{name: "an end that has passed", request: subscribing(`<reason`, `<end value="2026-03-02T11:59:59Z"/><reason`), status: 400, code: "INVALID_REQUEST_MESSAGE"},
	{name: "criteria of another service", request: criteria("/Patient?name=Jack"), status: 400, code: "INVALID_REQUEST_MESSAGE"},
	{name: "an unknown component", request: criteria(patientsCriteria + "&Patient.colour=red"), status: 400, code: "INVALID_REQUEST_MESSAGE"},
	{name: "an event type that nobody supports", request: criteria(about(nodetest.Jack) + "&MessageHeader.event=moon-landings-1"), status: 400, code: "INVALID_REQUEST_MESSAGE"},
	{name: "a rule and a patient", request: criteria(patientsCriteria + "&subscriptionRuleType=GP_GP_GP"), status: 400, code: "INVALID_REQUEST_MESSAGE"},
	{name: "a country outside the list", request: criteria(rule("COUNTRYCODE", "F00000001") + vaccinations), status: 400, code: "INVALID_REQUEST_MESSAGE"},
	{name: "a patient's bad check digit", request: criteria(about("9912003889") + vaccinations), status: 400, code: "INVALID_NHS_NUMBER"},
	{name: "a patient nobody knows", request: criteria(about(nodetest.Nobody) + vaccinations), status: 404, code: "PATIENT_NOT_FOUND"},
	{name: "an organisation nobody knows", request: criteria(rule("GP_GP_GP", "Z99999") + vaccinations), status: 404, code: "ORGANISATION_NOT_FOUND"},
	{name: "a mailbox nobody knows", request: func(w *refusing) *nodetest.Request {
		return w.SubscribeRequest(nodetest.SubscriptionXML(patientsCriteria, "NOBODYS", "RR8"))
	}, status: 403, code: "ACCESS_DENIED"},
	{name: "another organisation's mailbox", request: func(w *refusing) *nodetest.Request {
		return w.SubscribeRequest(nodetest.SubscriptionXML(patientsCriteria, national, "RR8"))
	}, status: 403, code: "ACCESS_DENIED"},
	{name: "another organisation's name", request: func(w *refusing) *nodetest.Request {
		return w.SubscribeRequest(nodetest.SubscriptionXML(patientsCriteria, leeds, "X26"))
	}, status: 403, code: "ACCESS_DENIED"},
	{name: "the same subscription again", request: criteria(about(nodetest.Jack) + vaccinations), status: 422, code: "DUPLICATE_REJECTED", says: "subscription already exists : "},
	{name: "a publisher who subscribes", request: func(w *refusing) *nodetest.Request {
		return w.SubscribeRequest(nodetest.SubscriptionXML(patientsCriteria, leeds, "A83627")).Set("fromASID", nodetest.PublisherID).
			Set("Authorization", "Bearer "+w.Token(nodetest.PublisherID, "A83627", "patient/Subscription.write").Unsigned())
	}, status: 403, code: "ASID_CHECK_FAILED"},
	{name: "an id of the wrong form", request: func(w *refusing) *nodetest.Request { return w.ReadRequest("12") }, status: 400, code: "BAD_REQUEST"},
	{name: "an id never issued", request: func(w *refusing) *nodetest.Request { return w.ReadRequest(unissued) }, status: 404, code: "NO_RECORD_FOUND"},
	{name: "deleted, then read", request: func(w *refusing) *nodetest.Request { return w.ReadRequest(w.deleted) }, status: 404, code: "NO_RECORD_FOUND"},
	{name: "deleted twice", request: func(w *refusing) *nodetest.Request { return w.DeleteRequest(w.deleted) }, status: 404, code: "NO_RECORD_FOUND"},
	{name: "another's, read", request: func(w *refusing) *nodetest.Request { return w.ReadRequest(w.foreign) }, status: 403, code: "ACCESS_DENIED"},
	{name: "another's, deleted", request: func(w *refusing) *nodetest.Request { return w.DeleteRequest(w.foreign) }, status: 403, code: "ACCESS_DENIED"},
}

const unissued = "00000000000000000000000000000000"

// token is a good publish with another token.
func token(mint func(w *refusing) string) func(*refusing) *nodetest.Request {
	return func(w *refusing) *nodetest.Request {
		return w.PublishRequest(w.message).Set("Authorization", "Bearer "+mint(w))
	}
}

// method is a request with another method to some path.
func method(name, path string) func(*refusing) *nodetest.Request {
	return func(w *refusing) *nodetest.Request {
		r := w.PublishRequest(w.message)
		r.Method, r.Path = name, path
		if name == http.MethodGet {
			r.Body = nil
		}
		return r
	}
}
