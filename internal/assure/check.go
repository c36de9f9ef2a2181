package assure

import "nems/receiver"

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
	Told []byte
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
	pagePublish      = "publication_publish"
	pagePublication  = "publication_general_api_guidance"
	pageGovernance   = "publication_ig"
	pageGeneric      = "explore_generic_event_requirements"
	pageSequence     = "overview_msg_architecture_sequencing"
	pageLifeCycle    = "overview_msg_architecture_life_cycle"
	pageErrors       = "spine-core/resources_error_handling"
	pageJWT          = "spine-core/security_jwt"
	pageTLS          = "spine-core/build_endpoints"
	pageSubscription = "subscription_general_api_guidance"
	pageCreate       = "explore_create_subscription"
)

// checks are the checks of steps, by their names in plans.
var checks = map[string]Check{
	"arrived":      {"As many messages came as were asked for.", pagePublish, checkArrived},
	"accepted":     {"The service accepted the message.", pagePublish, checkAccepted},
	"event":        {"The message has the code of the event type that was asked for.", pagePublish, checkEvent},
	"kind":         {"The message says correctly whether it is new, an update or a delete.", pageGeneric, checkKind},
	"patient":      {"The routing demographics name the patient who was asked for.", pageGeneric, checkPatientAsked},
	"new-id":       {"Each message has a MessageHeader.id of its own.", pageGeneric, checkNewID},
	"no-repeat":    {"A message that was accepted is not sent again.", pageGeneric, checkNoRepeat},
	"same-thing":   {"A correction has the identifier of what it corrects.", pageGeneric, checkSameThing},
	"newer":        {"A correction has a later place in the sequence than what it corrects.", pageSequence, checkNewer},
	"silent":       {"Nothing is published about a patient whose record is flagged.", pageGovernance, checkSilent},
	"traced":       {"The routing demographics are those that PDS has when the message is published.", pagePublication, checkTraced},
	"repeated":     {"A message whose fate is unknown, or that was refused for a while, is sent again until it is accepted.", pageErrors, checkRepeated},
	"same-message": {"What is sent again is the same message, byte for byte and with the same id.", pageGeneric, checkSameMessage},
	"waited":       {"A caller that is asked to wait (Retry-After) waits.", pageErrors, checkWaited},
	"no-loop":      {"A message that was refused is not sent again.", pageErrors, checkNoLoop},
	"told":         {"The warning about a deprecated event type reaches those who operate the system.", pageLifeCycle, checkTold},
}

// everyChecks are those of every request, by their names without "every/".
var everyChecks = map[string]Check{
	"header-fromASID":             {Says: "The header fromASID has the ASID of the calling system.", Page: pagePublish},
	"header-toASID":               {Says: "The header toASID has the ASID of the NEMS.", Page: pagePublish},
	"header-InteractionID":        {Says: "The header InteractionID fits the endpoint.", Page: pagePublish},
	"header-Authorization":        {Says: "The header Authorization has a bearer token.", Page: pageJWT},
	"header-Content-Type":         {Says: "The header Content-Type has one of the media types of the NEMS.", Page: pagePublication},
	"header-Accept":               {Says: "The header Accept has one of the media types of the NEMS.", Page: pagePublication},
	"jwt-form":                    {Says: "The token is a JWT in three parts.", Page: pageJWT},
	"jwt-iss":                     {Says: "iss is the URI of the issuer.", Page: pageJWT},
	"jwt-sub":                     {Says: "sub is the value of requesting_user, or without a user that of requesting_system.", Page: pagePublication},
	"jwt-aud":                     {Says: "aud is the URL of the endpoint.", Page: pageJWT},
	"jwt-exp":                     {Says: "exp is a moment in the future, in seconds.", Page: pageJWT},
	"jwt-iat":                     {Says: "iat is the moment at which the token was made, in seconds.", Page: pageJWT},
	"jwt-nbf":                     {Says: "nbf, if it is there, is a moment in the past.", Page: pageJWT},
	"jwt-jti":                     {Says: "jti, if it is there, has a value.", Page: pageJWT},
	"jwt-lifetime":                {Says: "A token lives five minutes.", Page: pageJWT},
	"jwt-naming":                  {Says: "Identifiers in the token have their naming systems.", Page: pageJWT},
	"jwt-reason_for_request":      {Says: "reason_for_request is directcare, secondaryuses or patientaccess.", Page: pageJWT},
	"jwt-scope":                   {Says: "scope is the one of the endpoint.", Page: pagePublication},
	"jwt-requesting_system":       {Says: "requesting_system is the ASID of the header fromASID.", Page: pagePublication},
	"jwt-requesting_organisation": {Says: "requesting_organisation has the ODS code of the sender.", Page: pagePublication},
	"jwt-requesting_user":         {Says: "requesting_user, if it is there, identifies a person.", Page: pagePublication},
	"jwt-requesting_patient":      {Says: "requesting_patient, if it is there, is an NHS number.", Page: pageJWT},
	"declared-asid":               {Says: "The caller is the system that was declared.", Page: pagePublication},
	"declared-organisation":       {Says: "The caller's organisation is the one that was declared.", Page: pagePublication},
	"tls-version":                 {Says: "Connections have TLS 1.2 or later.", Page: pageTLS},
	"tls-certificate":             {Says: "The caller presents the certificate of its endpoint.", Page: pagePublication},
	"message-size":                {Says: "A message has at most 3 MB.", Page: pagePublish},
	"message-interaction":         {Says: "The interaction id is that of the message's event type.", Page: pagePublish},
	"message":                     {Says: "The message breaks no rule of its event type's page.", Page: pageGeneric},
	"subscription":                {Says: "The Subscription breaks no rule of its page.", Page: pageCreate},
	"subscription-id":             {Says: "A new Subscription has no id.", Page: pageCreate},
	"subscription-criteria":       {Says: "The criteria have the form of one of the kinds of subscription.", Page: pageCreate},
	"subscription-event":          {Says: "The criteria name supported event types.", Page: pageCreate},
}

// CheckNames lists the checks that a plan can have.
func CheckNames() []string { return sortedNames(checks) }

// Describe returns what a check says, by the name that findings and requirements use:
// publisher/every/jwt-scope, publisher/new/kind. ok is false for rules and for unknown
// names.
func Describe(name string) (c Check, ok bool) {
	last := name[lastSlash(name)+1:]
	if c, ok = everyChecks[last]; !ok {
		c, ok = checks[last]
	}
	return c, ok
}

func lastSlash(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '/' {
			return i
		}
	}
	return -1
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
