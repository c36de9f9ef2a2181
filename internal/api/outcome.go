package api

import (
	"strconv"

	"github.com/google/uuid"

	"nems/internal/access"
	"nems/internal/fhir"
	"nems/internal/refuse"
)

// Profiles and code systems of the two kinds of OperationOutcome: Spine Core's
// for everything, and the older kind for unsupported media types (decisions 6
// and 7).
const (
	outcomeProfile       = "https://fhir.nhs.uk/STU3/StructureDefinition/Spine-OperationOutcome-1"
	outcomeSystem        = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
	legacyOutcomeProfile = "http://fhir.nhs.net/StructureDefinition/spine-operationoutcome-1-0"
	legacyOutcomeSystem  = "http://fhir.nhs.net/ValueSet/spine-response-code-1-0"
)

// outcome builds an OperationOutcome from the issues, in XML.
func outcome(issues []refuse.Issue, legacy bool) []byte {
	profile, system := outcomeProfile, outcomeSystem
	if legacy {
		profile, system = legacyOutcomeProfile, legacyOutcomeSystem
	}
	w := fhir.NewWriter("OperationOutcome")
	w.Value("id", uuid.NewString())
	w.Open("meta").Value("profile", profile).Close()
	for _, issue := range issues {
		w.Open("issue")
		w.Value("severity", issue.Severity).Value("code", issue.Type)
		if issue.Code != "" {
			w.Open("details").Open("coding")
			w.Value("system", system).Value("code", string(issue.Code)).Value("display", issue.Display)
			w.Close().Close()
		}
		w.Value("diagnostics", issue.Diagnostics)
		w.Value("location", issue.Location).Value("expression", issue.Expression)
		w.Close()
	}
	return w.Bytes()
}

// write answers with a resource given in XML, in the form that the caller asked for.
func (x *exchange) write(status int, xml []byte) {
	body, media := xml, x.media
	if media.Format == access.JSON {
		doc, _, err := fhir.ParseXML(xml)
		if err == nil {
			body, err = fhir.XMLToJSON(doc)
		}
		if err != nil { // cannot happen, because what we write is well formed; if it does, the answer is XML
			body, media = xml, access.DefaultMedia
		}
	}
	if x.view.pretty {
		if media.Format == access.JSON {
			body = fhir.IndentJSON(body)
		} else {
			body = fhir.IndentXML(body)
		}
	}
	x.status = status
	x.w.Header().Set("Content-Type", media.Type)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}
