package operator

import (
	"strconv"
	"strings"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/store"
	"nems/internal/subscription"
)

// deed is an action in words. In done, %m stands for the mailbox, %e for the event
// and %t for its type.
type deed struct {
	kind   StoryKind
	done   string
	failed string // what was not done; the reason follows
	by     doer
	object referent
}

// doer is who does a deed.
type doer int

const (
	bySystem   doer = iota // by the FHIR API or the MESH API
	byOperator             // a person at the desk
	byService              // the program itself
)

// referent is what the audit's object is.
type referent int

const (
	nothing referent = iota
	anEvent
	aSubscription
	aDelivery
	aMessage // of a mailbox
)

// theService is who did what nobody asked for.
const theService = "the service"

var deeds = map[audit.Action]deed{
	audit.ActionPublish:    {StoryPublished, "Event %e was published: %t.", "A message was refused", bySystem, anEvent},
	audit.ActionSubscribe:  {StorySubscription, "A subscription was created for the mailbox %m.", "A subscription was refused", bySystem, aSubscription},
	audit.ActionRead:       {StoryLookUp, "A subscription to the patient was read.", "Reading a subscription was refused", bySystem, aSubscription},
	audit.ActionSearch:     {StoryLookUp, "Subscriptions to the patient were looked for.", "Looking for subscriptions was refused", bySystem, nothing},
	audit.ActionDelete:     {StorySubscription, "A subscription of the mailbox %m was deleted by its owner.", "Deleting a subscription was refused", bySystem, aSubscription},
	audit.ActionReactivate: {StorySubscription, "How the endpoint %m of a subscription is called was changed by its owner.", "Changing a subscription was refused", bySystem, aSubscription},
	audit.ActionExplain:    {StoryLookUp, "It was explained whom an event about the patient reached, and why.", "Explaining was refused", bySystem, nothing},
	audit.ActionFollow:     {StoryRead, "The events of a subscription to the patient were read from its stream.", "Reading the stream of a subscription was refused", bySystem, aSubscription},
	audit.ActionTake:       {StoryCollected, "The events of a subscription to the patient were acknowledged.", "Acknowledging the events of a subscription was refused", bySystem, aSubscription},

	audit.ActionHead:          {StoryRead, "The headers of a copy in the mailbox %m were read.", "Reading the headers of a copy was refused", bySystem, aMessage},
	audit.ActionDownload:      {StoryRead, "A copy was downloaded from the mailbox %m.", "Downloading a copy was refused", bySystem, aMessage},
	audit.ActionDownloadChunk: {StoryRead, "A part of a copy was downloaded from the mailbox %m.", "Downloading a part of a copy was refused", bySystem, aMessage},
	audit.ActionAcknowledge:   {StoryCollected, "A copy was collected from the mailbox %m.", "Collecting a copy was refused", bySystem, aMessage},
	audit.ActionTrack:         {StoryRead, "The state of a copy was asked for.", "Asking for the state of a copy was refused", bySystem, aMessage},
	audit.ActionTrackLocalID:  {StoryRead, "The state of a copy was asked for.", "Asking for the state of a copy was refused", bySystem, nothing},

	audit.ActionApproveSubscription: {StorySubscription, "A subscription of the mailbox %m was approved.", "", byOperator, aSubscription},
	audit.ActionRejectSubscription:  {StorySubscription, "A subscription of the mailbox %m was rejected.", "", byOperator, aSubscription},
	audit.ActionEndSubscription:     {StorySubscription, "A subscription of the mailbox %m was ended.", "", byOperator, aSubscription},
	audit.ActionDeleteSubscription:  {StorySubscription, "A subscription of the mailbox %m was deleted by an operator.", "", byOperator, aSubscription},
	audit.ActionRetryDelivery:       {StoryCopy, "A parked copy was made to wait again.", "", byOperator, aDelivery},
	audit.ActionParkDelivery:        {StoryCopy, "A waiting copy was set aside.", "", byOperator, aDelivery},
	audit.ActionResendDelivery:      {StoryCopy, "A copy was given to its mailbox again.", "", byOperator, aDelivery},
	audit.ActionStartReplay:         {StoryCopy, "A replay was started: copies were to be given to the mailbox %m again.", "Starting a replay was refused", byOperator, nothing},
	audit.ActionPauseReplay:         {StoryCopy, "A replay for the mailbox %m was paused.", "", byOperator, nothing},
	audit.ActionResumeReplay:        {StoryCopy, "A replay for the mailbox %m went on.", "", byOperator, nothing},
	audit.ActionCancelReplay:        {StoryCopy, "A replay for the mailbox %m was cancelled.", "", byOperator, nothing},
	audit.ActionPaceReplay:          {StoryCopy, "A replay for the mailbox %m was given another rate.", "", byOperator, nothing},
	audit.ActionReadAudit:           {StoryLookUp, "The audit was searched for the patient.", "", byOperator, nothing},
	audit.ActionFindEvents:          {StoryLookUp, "Events about the patient were looked for.", "", byOperator, nothing},
	audit.ActionLookUpPatient:       {StoryLookUp, "The patient was looked up in the directory.", "", byOperator, nothing},
	audit.ActionReadEvent:           {StoryLookUp, "The message of event %e was read.", "", byOperator, anEvent},
	audit.ActionReveal:              {StoryLookUp, "The patient's identifiers were shown in full.", "", byOperator, nothing},
	audit.ActionReadRecipients:      {StoryLookUp, "It was looked up who received what about the patient.", "", byOperator, nothing},
	audit.ActionReadRectification:   {StoryLookUp, "It was looked up who had what was corrected or withdrawn about the patient, and who was told.", "", byOperator, nothing},
	audit.ActionReadStory:           {StoryLookUp, "The patient's story was read.", "", byOperator, nothing},

	audit.ActionChangeRecord: {StoryDirectory, "The patient's record was changed.", "Changing the patient's record was refused", bySystem, nothing},
	audit.ActionReadRecord:   {StoryLookUp, "The patient's record was read.", "Reading the patient's record was refused", bySystem, nothing},
	audit.ActionFindRecords:  {StoryLookUp, "The patient's record was found by a search.", "", bySystem, nothing},

	audit.ActionRoute:        {StoryMatched, "Event %e, which had waited for the patient directory, was matched.", "Event %e, which had waited for the patient directory, cannot be matched", byService, anEvent},
	audit.ActionDirectory:    {StoryDirectory, "Event %e changed the record in the patient directory.", "", byService, anEvent},
	audit.ActionSuspend:      {StorySubscription, "A subscription of the mailbox %m was suspended: the controller catalogue does not permit it any more.", "", byService, aSubscription},
	audit.ActionRestore:      {StorySubscription, "A subscription of the mailbox %m became active again: the controller catalogue permits it.", "", byService, aSubscription},
	audit.ActionPark:         {StoryCopy, "A copy for the mailbox %m could not be delivered and was set aside.", "A copy for the mailbox %m could not be delivered and was set aside", byService, aDelivery},
	audit.ActionEndReplay:    {StoryCopy, "A replay for the mailbox %m came to its end.", "A replay for the mailbox %m came to its end", byService, nothing},
	audit.ActionWithhold:     {StoryCopy, "A copy for the mailbox %m was withheld: the record was flagged after the event was accepted.", "", byService, aDelivery},
	audit.ActionPartnerIDCut: {StoryCopy, "The MESH of the mailbox %m accepts fewer subscriptions than a copy names: the rest was left out.", "", byService, aDelivery},
}

// tell says an entry of the audit in words.
func (t *telling) tell(e audit.Entry) StoryEntry {
	r := newRecord(e)
	out := StoryEntry{
		At: r.At, Reason: r.Reason, Patient: r.Patient, EventType: r.EventType, Mailbox: r.Mailbox, Action: r.Action, Certificate: r.Certificate,
		ASID: r.ASID, ODS: r.ODS, User: r.User, Outcome: r.Outcome, Status: r.Status, Count: r.Count,
	}
	d, known := deeds[e.Action]
	if !known { // of a later version
		d = deed{StoryOther, "An action of the kind " + string(r.Action) + " was done.", "An action of the kind " + string(r.Action) + " was refused", bySystem, nothing}
		if e.ASID == "" && e.User != "" {
			d.by = byOperator
		}
	}
	if e.Action == audit.ActionExplain && e.ASID == "" {
		d.by, d.object = byOperator, anEvent
	}
	if d.by == byOperator && strings.HasPrefix(e.Interaction, "urn:") { // what both may do, and a system did
		d.by = bySystem
	}
	out.Kind, out.Who = d.kind, d.by.name(&r)
	d.refer(e.Object, &out)
	event := "An event" // what a record followed names none
	if out.Event != 0 {
		event = "Event " + strconv.FormatInt(out.Event, 10)
	}
	words := strings.NewReplacer("%m", r.Mailbox, "Event %e", event, "%e", strconv.FormatInt(out.Event, 10), "%t", t.typeName(r.EventType))
	switch {
	case e.Outcome == "":
		out.Text = words.Replace(d.done)
	case d.by == bySystem:
		out.Kind, out.Text = StoryRefused, words.Replace(d.failed)+": "+r.Outcome+"."
		out.Event = 0 // there is none
	default:
		out.Text = words.Replace(d.failed) + ": " + r.Outcome + "."
	}
	if r.Count > 1 && e.Action != audit.ActionDirectory {
		out.Text += " (" + strconv.Itoa(r.Count) + " times)"
	}
	return out
}

// typeName is an event type as people call it.
func (t *telling) typeName(code string) string {
	if name := t.names.Event(code); name != "" {
		return name
	}
	return code
}

// refer says what the object of an entry is.
func (d deed) refer(object string, out *StoryEntry) {
	switch d.object {
	case anEvent:
		if n, err := strconv.ParseInt(object, 10, 64); err == nil && n > 0 {
			out.Event = n
		}
	case aSubscription:
		if id, err := subscription.ParseID(object); err == nil {
			out.Subscription = id.String()
		}
	case aDelivery:
		if event, _, ok := store.ParseDeliveryID(object); ok {
			out.Event, out.Delivery = int64(event), object
		}
	case aMessage:
		if position, _, err := mesh.ParseMessageID(object); err == nil {
			out.Event = position
		}
	}
}

// name says who did it: a person at the desk, or a system with what is known of it.
func (by doer) name(r *Record) string {
	var parts []string
	add := func(before, text string) {
		if text != "" {
			parts = append(parts, before+text)
		}
	}
	switch by {
	case byService:
		return theService
	case byOperator: // the entry may name a system too: the one that it is about
		add("operator ", r.User)
	default:
		add("system ", string(r.ASID))
		if r.ASID == "" {
			add("mailbox ", r.Mailbox) // over the MESH API
		}
		add("organisation ", string(r.ODS))
		add("user ", r.User)
	}
	add("certificate ", r.Certificate)
	if len(parts) == 0 {
		return "not known"
	}
	return strings.Join(parts, ", ")
}
