package assure

import (
	"strings"

	"nems/receiver"
)

// Check judges what came of a step.
type Check struct {
	// Says is what holds if the check passes, for people.
	Says string
	// Page is the page of the specification that demands it.
	Page string
	// judge returns what is wrong. tested is false where the step gave no occasion to find
	// out. It is nil for what is judged of every request.
	judge func(o *Outcome) (wrong []string, tested bool)
}

// Outcome is what a check judges.
type Outcome struct {
	Step *Step
	// Exchanges are those of the step, Earlier all before it.
	Exchanges, Earlier []*Exchange
	// Before is the last message of the step that this one corrects; nil if there was none.
	Before *Exchange
	// Confirmed is the answer to the step's question; nil without one.
	Confirmed *bool
	// Told is what the system under test says that it made of what it got; for subscribers.
	Told []Told
	// Sent are the messages that the step gave to a subscriber.
	Sent []Sent
}

// Publishes returns the attempts to publish.
func (o *Outcome) Publishes() (all []*Exchange) {
	for _, x := range o.Exchanges {
		if x.publishes() {
			all = append(all, x)
		}
	}
	return all
}

// Messages returns the first attempt of each different message.
func (o *Outcome) Messages() (all []*Exchange) {
	seen := map[string]bool{}
	for _, x := range o.Publishes() {
		if !seen[x.Hash] {
			seen[x.Hash], all = true, append(all, x)
		}
	}
	return all
}

// each runs a judgement of one message over all of them.
func (o *Outcome) each(judge func(x *Exchange) string) (wrong []string, tested bool) {
	for _, x := range o.Messages() {
		if text := judge(x); text != "" {
			wrong = append(wrong, text)
		}
		tested = true
	}
	return wrong, tested
}

// Pages of the specification, by the names of their files.
const (
	pagePublish     = "publication_publish"
	pagePublication = "publication_general_api_guidance"
	pageGovernance  = "publication_ig"
	pageGeneric     = "explore_generic_event_requirements"
	pageSequence    = "overview_msg_architecture_sequencing"
	pageLifeCycle   = "overview_msg_architecture_life_cycle"
	pageErrors      = "spine-core/resources_error_handling"
	pageJWT         = "spine-core/security_jwt"
	pageTLS         = "spine-core/build_endpoints"
	pageCreate      = "explore_create_subscription"
)

// checks are the checks of steps, by their names in plans.
var checks = map[string]Check{
	"arrived":                 {"As many messages came as were asked for.", pagePublish, checkArrived},
	"accepted":                {"The service accepted the message.", pagePublish, checkAccepted},
	"event-asked":             {"The message has the code of the event type that was asked for.", pagePublish, checkEvent},
	"patient-asked":           {"The routing demographics name the patient who was asked for.", pageGeneric, checkPatientAsked},
	"patient-verified":        {"Number, name and birth date are those of the patient's record at PDS.", pagePublication, checkTraced},
	"kind-new-first":          {"The first message about a thing is new.", pageGeneric, checkKind},
	"kind-update-same-focus":  {"A correction is an update with the identifier of what it corrects.", pageGeneric, checkCorrection},
	"kind-delete-same-focus":  {"A withdrawal is a delete with the identifier of what it withdraws.", pageGeneric, checkCorrection},
	"kind-complete":           {"A correction has the complete content, not what has changed.", pageGeneric, checkComplete},
	"last-updated-rises":      {"meta.lastUpdated is later in each message about the same thing.", pageSequence, checkNewer},
	"sequence-number-rises":   {"Sequence numbers, where the system sends them, rise for each patient and event type.", pageSequence, checkNumbers},
	"message-id-new":          {"No two messages have the same MessageHeader.id, except repeats of the same bytes.", pageGeneric, checkNewID},
	"sent-once":               {"A message that was accepted is not sent again.", pageGeneric, checkSentOnce},
	"flagged-not-sent":        {"Nothing is published about a patient whose record has the flag S or I.", pageGovernance, checkSilent},
	"dissent-not-sent":        {"Nothing is published about a patient who has dissented.", pageGovernance, checkSilent},
	"retry-after-lost-answer": {"After a lost answer the same bytes come again.", pagePublish, checkRetried},
	"retry-after-failure":     {"After a failure of the service the same bytes come again.", pageErrors, checkRetried},
	"waits-as-asked":          {"A caller that is asked to wait (Retry-After) waits.", pageErrors, checkWaited},
	"no-repeat-after-refusal": {"A message that was refused does not come again.", pageErrors, checkNoLoop},
	"slower-after-denial":     {"A system that is not let in tries again later and later, if at all.", pageErrors, checkSlower},
	"refusal-noticed":         {"Those who can act on it are told of a refusal, with its code.", pageErrors, checkConfirmed},
	"deprecation-noticed":     {"Those who operate the system are told of a deprecation, with its date and page, and publishing goes on.", pageLifeCycle, checkConfirmed},
	"withdrawn-noticed":       {"Those who operate the system are told that an event type is withdrawn, and publishing of it ends.", pageLifeCycle, checkConfirmed},
	"record-kept":             {"The system can show for each message moment, event type, id, payload, headers and token.", pageGovernance, checkConfirmed},
}

// everyChecks are those of every request.
var everyChecks = map[string]Check{
	"endpoint":              {Says: "Each call uses the method and path of its page.", Page: pagePublish},
	"client-certificate":    {Says: "The connection shows the certificate of the registration (mutual TLS).", Page: pagePublication},
	"tls-version":           {Says: "Connections have TLS 1.2 or later.", Page: pageTLS},
	"header-from-asid":      {Says: "fromASID is there once, has twelve digits, and is that of the registration.", Page: pagePublish},
	"header-to-asid":        {Says: "toASID is there once and is that of the service.", Page: pagePublish},
	"header-interaction-id": {Says: "InteractionID is that of the call, and of the message's event type.", Page: pagePublish},
	"header-content-type":   {Says: "Content-Type is one of the media types of the NEMS.", Page: pagePublication},
	"header-accept":         {Says: "Accept is absent or allows one of the media types of the NEMS.", Page: pagePublication},
	"header-authorization":  {Says: "Authorization is there once, with the scheme Bearer.", Page: pageJWT},
	"token-form":            {Says: "The token has three parts of base64url without padding, and ends with a dot if it is not signed.", Page: pageJWT},
	"token-header":          {Says: "The token's header says alg none (or a registered algorithm) and typ JWT.", Page: pageJWT},
	"token-claims":          {Says: "All mandatory claims are there, with values of the right type.", Page: pageJWT},
	"token-issuer":          {Says: "iss is a URI.", Page: pageJWT},
	"token-subject":         {Says: "sub equals requesting_user, or requesting_system where there is no user.", Page: pagePublication},
	"token-audience":        {Says: "aud is the URL of the endpoint.", Page: pageJWT},
	"token-times":           {Says: "exp is five minutes after iat, which is the moment of the request.", Page: pageJWT},
	"token-reason":          {Says: "reason_for_request is directcare, secondaryuses or patientaccess.", Page: pageJWT},
	"token-scope":           {Says: "scope is the one of the endpoint.", Page: pagePublication},
	"token-system":          {Says: "requesting_system is the ASID of fromASID, with its naming system.", Page: pagePublication},
	"token-organisation":    {Says: "The organisation's claim is an ODS code of the registration, with its naming system.", Page: pagePublication},
	"token-user":            {Says: "requesting_user, if there, names a person.", Page: pagePublication},
	"token-patient":         {Says: "requesting_patient, if there, is a valid NHS number.", Page: pageJWT},
	"message-size":          {Says: "The message has at most 3 MB.", Page: pagePublish},
	"message-standard":      {Says: "The message has no error at the level standard.", Page: pageGeneric},
	"message-strict":        {Says: "The message has no error at the level strict.", Page: pageGeneric},
	"create-resource":       {Says: "The Subscription has what its page demands, and nothing wrong.", Page: pageCreate},
	"create-without-id":     {Says: "The request has no id.", Page: pageCreate},
	"create-criteria":       {Says: "The criteria have the components that their kind of subscription demands.", Page: pageCreate},
}

// CheckNames lists the checks that a plan can have.
func CheckNames() []string { return sortedNames(checks) }

// Describe returns what a check says, by the name that findings and requirements use,
// such as publisher/token-scope. ok is false for rules and for unknown names.
func Describe(name string) (c Check, ok bool) {
	_, last, _ := strings.Cut(name, "/")
	if c, ok = everyChecks[last]; !ok {
		c, ok = checks[last]
	}
	return c, ok
}

// newerThan reports whether a message has a later place than another, and whether that
// can be told.
func newerThan(a, b receiver.Point) (newer, known bool) {
	switch a.Compare(b) {
	case receiver.Next, receiver.Gap:
		return true, true
	case receiver.Stale, receiver.Same:
		return false, true
	}
	return false, false
}
