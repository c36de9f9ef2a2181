package api

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"nems/internal/fhir"
	"nems/internal/spine"
)

// Profiles and code systems of the two kinds of OperationOutcome: the one of
// Spine Core for everything, the older one for media types that are not
// supported (design, decisions 6 and 7).
const (
	outcomeProfile       = "https://fhir.nhs.uk/STU3/StructureDefinition/Spine-OperationOutcome-1"
	outcomeSystem        = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
	legacyOutcomeProfile = "http://fhir.nhs.net/StructureDefinition/spine-operationoutcome-1-0"
	legacyOutcomeSystem  = "http://fhir.nhs.net/ValueSet/spine-response-code-1-0"
)

// outcome builds an OperationOutcome over the issues, in XML.
func outcome(issues []spine.Issue, legacy bool) []byte {
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
		w.Open("details").Open("coding")
		w.Value("system", system).Value("code", string(issue.Code)).Value("display", issue.Display)
		w.Close().Close()
		w.Value("diagnostics", issue.Diagnostics)
		w.Value("location", issue.Location).Value("expression", issue.Expression)
		w.Close()
	}
	return w.Bytes()
}

// writeOutcome answers with an OperationOutcome in the caller's format.
func writeOutcome(w http.ResponseWriter, status int, issues []spine.Issue, legacy bool, format spine.Media) {
	writeResource(w, status, outcome(issues, legacy), format)
}

// writeResource answers with a resource given in XML, in the caller's format.
func writeResource(w http.ResponseWriter, status int, xml []byte, media spine.Media) {
	body := xml
	if media.Format == spine.JSON {
		doc, _, err := fhir.ParseXML(xml)
		if err == nil {
			body, err = fhir.XMLToJSON(doc)
		}
		if err != nil { // what we write ourselves is well formed: XML is the fallback that keeps the answer
			body, media = xml, spine.DefaultMedia
		}
	}
	w.Header().Set("Content-Type", media.Type)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
