package assure

import "nems/internal/refuse"

// refusals are the refusals that a step can have answered, by their names in plans.
var refusals = map[string]func(a Answer) *refuse.Refusal{
	"header": func(Answer) *refuse.Refusal { return refuse.HeaderMissing("InteractionID") },
	"token": func(Answer) *refuse.Refusal {
		return refuse.ClaimInvalid("scope", "patient/Bundle.write", "another (this is a test of what your system does)")
	},
	"not-well-formed":      func(Answer) *refuse.Refusal { return refuse.MessageNotWellFormed(tested) },
	"request":              func(Answer) *refuse.Refusal { return refuse.InvalidRequestMessage(tested) },
	"nhs-number":           func(Answer) *refuse.Refusal { return refuse.InvalidNHSNumber(tested) },
	"patient-differs":      func(Answer) *refuse.Refusal { return refuse.InvalidPatientDemographics(tested) },
	"patient-unknown":      func(Answer) *refuse.Refusal { return refuse.PatientNotFound(tested) },
	"organisation-unknown": func(Answer) *refuse.Refusal { return refuse.OrganisationNotFound(tested) },
	"access-denied":        func(Answer) *refuse.Refusal { return refuse.AccessDenied(tested) },
	"asid":                 func(Answer) *refuse.Refusal { return refuse.ASIDCheckFailed(tested) },
	"too-large":            func(Answer) *refuse.Refusal { return refuse.TooLarge(3 << 20) },
	"media-type":           func(Answer) *refuse.Refusal { return refuse.UnsupportedMediaType(tested) },
	"resource": func(Answer) *refuse.Refusal {
		return refuse.InvalidResource(refuse.ResourceIssue("", "", tested, "Bundle", "/f:Bundle"))
	},
	"reference": func(Answer) *refuse.Refusal {
		return refuse.ReferenceNotFound(refuse.ResourceIssue("", "", tested, "Bundle", "/f:Bundle"))
	},
	"withdrawn": func(Answer) *refuse.Refusal {
		return refuse.EventTypesRefused(refuse.NewIssue(refuse.NoLongerSupportedCode, tested))
	},
	"too-many":    func(a Answer) *refuse.Refusal { return refuse.TooManyRequests(a.wait()) },
	"unavailable": func(a Answer) *refuse.Refusal { return refuse.Unavailable(a.wait()) },
	"internal":    func(Answer) *refuse.Refusal { return refuse.Internal("test") },
}

// tested is what made-up refusals say.
const tested = "this is a test of what your system does when it is refused"

// Where the connection of an exchange can be cut.
const (
	loseBefore = "before"
	loseAfter  = "after"
)
