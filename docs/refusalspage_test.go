package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/refuse"
)

// situation is one in which a request is refused: the function of internal/refuse
// that refuses, how it does, why it happens and what to do.
type situation struct {
	function    string
	refusal     *refuse.Refusal
	cause, cure string
}

var situations = []situation{
	{"HeaderMissing", refuse.HeaderMissing("fromASID"), "A header of the Spine is missing.", "Send `fromASID`, `toASID`, `InteractionID` and `Authorization` with each request."},
	{"HeaderInvalid", refuse.HeaderInvalid("toASID", "12 digits", "11 characters"), "A header has a wrong form, or does not fit the endpoint or the message.", "Compare with what the answer says was expected. The interaction id of a publish is that of the message's event type."},
	{"TokenMissing", refuse.TokenMissing(), "There is no token.", "`Authorization: Bearer TOKEN`; `nems token make` shows one."},
	{"TokenUnsupported", refuse.TokenUnsupported(), "The scheme is another than Bearer.", "Write `Bearer`, one blank, and the token."},
	{"TokenRepeated", refuse.TokenRepeated(2), "The header comes more than once; often a proxy adds one.", "Send it once."},
	{"TokenMalformed", refuse.TokenMalformed(), "`Bearer` without a token.", "Append the token."},
	{"TokenInvalid", refuse.TokenInvalid("..."), "The token is no JWT, its signature is wrong or missing, or its key is not registered.", "`nems token explain` reads the token and says what is wrong. Ask the operator which keys are registered (`nems systems show ASID`)."},
	{"ClaimMissing", refuse.ClaimMissing("exp", "a time"), "The token lacks a claim.", "Add it."},
	{"ClaimInvalid", refuse.ClaimInvalid("exp", "a time ahead", "one that has passed"), "A claim is wrong; most often `exp` has passed, because the token was kept or the machine's clock is slow.", "Make a token for each request. See whether the clock is right."},
	{"ScopeInsufficient", refuse.ScopeInsufficient([]string{"patient/Subscription.write"}, "patient/Subscription.read"), "The scope does not allow this endpoint.", "Ask for the scope that the answer names."},
	{"ASIDCheckFailed", refuse.ASIDCheckFailed("..."), "The system is not registered for the interaction, or `toASID` is not this service.", "Ask the operator for the registration. In the development world `toASID` is 111111111111."},
	{"AccessDenied", refuse.AccessDenied("..."), "The organisation, mailbox, event type or subscription is not the caller's.", "Compare the organisation in the token with the registration; ask the operator."},
	{"MessageNotWellFormed", refuse.MessageNotWellFormed("..."), "The body is not XML (or JSON): not UTF-8, a DOCTYPE, two roots, too deep.", "Read the body with a parser before you send it; `nems validate` names line and column."},
	{"InvalidResource", refuse.InvalidResource(), "The message breaks a rule of STU3 or of its event type's page. There is an issue for each finding.", "Each issue names element, expected and received. `nems validate FILE` finds the same before you publish; [event types](event-types.md) has the rules."},
	{"ReferenceNotFound", refuse.ReferenceNotFound(), "A reference leads to no entry of the message.", "Compare the reference with the `fullUrl` of the entry that is meant."},
	{"PatientsDiffer", refuse.PatientsDiffer(), "A Patient in the message is not the one of the routing demographics.", "Number, name and birth date of both must agree."},
	{"InvalidNHSNumber", refuse.InvalidNHSNumber("..."), "Not ten digits, or a wrong check digit.", "Trace the patient at PDS, and use that number."},
	{"InvalidPatientDemographics", refuse.InvalidPatientDemographics("..."), "PDS has another name or birth date for this number.", "Trace the patient again; take name and birth date from PDS."},
	{"PatientNotFound", refuse.PatientNotFound("..."), "The patient is unknown to PDS, or to the directory that stands for it.", "Trace the patient at PDS. Operators: is the directory filled (`nems lookup patient`)?"},
	{"OrganisationNotFound", refuse.OrganisationNotFound("..."), "No organisation has this ODS code.", "Correct the code. Operators: `nems lookup organisation CODE`, `nems import organisations`."},
	{"InvalidRequestMessage", refuse.InvalidRequestMessage("..."), "The criteria of a subscription are not allowed.", "Compare with the rules of the specification; `nems subscribe` writes them for you."},
	{"TooLarge", refuse.TooLarge(3_000_000), "The body is larger than is accepted.", "Send less: the event, not the whole record."},
	{"DuplicateRejected", refuse.DuplicateRejected("019cae6b6600762b8b4880b9dfadeb75"), "The subscription exists already.", "Use the one whose id is in the answer."},
	{"EndpointsUsedUp", refuse.EndpointsUsedUp(10000), "The organisation's subscriptions have as many endpoints as are allowed.", "Delete subscriptions that nobody needs: their endpoints go when what was sent to them is no longer kept. Or ask the operator (the setting `quota-organisation-endpoints`)."},
	{"QuotaUsedUp", refuse.QuotaUsedUp(1000, "of this system"), "There are as many subscriptions as are allowed.", "Delete those that nobody needs, or ask the operator (`nems systems quota`)."},
	{"IdempotencyKeyReused", refuse.IdempotencyKeyReused(), "The key was used for other bytes.", "A new key for every new message; the same only to repeat the same bytes."},
	{"ReplayRunning", refuse.ReplayRunning("2jz1"), "The subscription has a replay that is not over.", "Wait for its end (`$replay-status`), or cancel it."},
	{"ReplayGone", refuse.ReplayGone("..."), "The replay begins before what is kept.", "Begin where the answer says, or with `oldest`. What is older lies in the publishers' systems."},
	{"NoRecordFound", refuse.NoRecordFound("..."), "There is no subscription with this id, or it is another organisation's.", "List yours: `GET /STU3/Subscription`."},
	{"BadRequest", refuse.BadRequest("..."), "A parameter or the URL is wrong.", "The answer names it."},
	{"MethodNotAllowed", refuse.MethodNotAllowed("GET, DELETE"), "The resource does not have this method.", "Use one of those in `Allow`."},
	{"UnknownPath", refuse.UnknownPath(), "The path is wrong.", "Compare it with the three that the answer names."},
	{"NotImplemented", refuse.NotImplemented(), "FHIR has this resource or operation, and NEMS has not.", "`GET /STU3/metadata` says what there is."},
	{"UnsupportedMediaType", refuse.UnsupportedMediaType("..."), "`Content-Type`, `Accept` or `_format` is none of the accepted ones. Publishing takes XML alone.", "`application/fhir+xml` always works."},
	{"ResourceIDNotAllowed", refuse.ResourceIDNotAllowed(), "The new subscription has an id.", "Leave `id` out."},
	{"TooManyRequests", refuse.TooManyRequests(time.Second), "The system sends more than its share.", "Wait as long as `Retry-After` says, then send the same request."},
	{"Unavailable", refuse.Unavailable(time.Second), "The service is full, or its database does not confirm. For a publish the outcome may be unknown.", "Send the same again after `Retry-After`, with the same `Idempotency-Key`."},
	{"Internal", refuse.Internal("7f3a"), "A defect of the service.", "Report it with the reference. Sending again may fail again."},
}

// TestRefusalsPage: docs/refusals.md has every situation of internal/refuse.
func TestRefusalsPage(t *testing.T) {
	source, err := parser.ParseFile(token.NewFileSet(), "../internal/refuse/situations.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range source.Decls {
		f, is := d.(*ast.FuncDecl)
		if !is || f.Recv != nil || !f.Name.IsExported() || f.Name.Name == "ResourceIssue" || f.Name.Name == "CountedInPart" {
			continue // those two make parts of answers
		}
		if !slices.ContainsFunc(situations, func(s situation) bool { return s.function == f.Name.Name }) {
			t.Errorf("%s has no cause and cure in this file", f.Name.Name)
		}
	}
	page := "# Refusals\n\nWritten by `go test ./docs -run TestRefusalsPage -update`. A refused request changes nothing. The answer is an OperationOutcome; each issue has a Spine code, and diagnostics that say what was expected and\n" +
		"received. [Decision 29](decisions/0029-order-of-checks.md) has the order of the checks: the first that fails answers. 429 and 503 are worth a second try, all others only after a change.\n\n" +
		"The operator sees every refusal: `nems refusals`.\n\n| status | Spine code | says, for example | cause | cure |\n| --- | --- | --- | --- | --- |\n"
	for _, s := range situations {
		says := s.refusal.Issues[0].Diagnostics
		if says == "..." || strings.HasSuffix(says, ": ...") {
			says = ""
		}
		page += fmt.Sprintf("| %d | `%s` | %s | %s | %s |\n", s.refusal.Status, s.refusal.Code(), cell(says), s.cause, s.cure)
	}
	golden(t, "refusals.md", page)
}
