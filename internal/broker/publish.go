package broker

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/directory"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
)

// Published is the result of accepting a message.
type Published struct {
	// EventType and MessageID name the message, one that was refused too, as far as
	// it was read: an event code of the catalogue, a UUID. They are never anything
	// else that the message says.
	EventType, MessageID string
	// Patient is whom it is about, for the audit, as far as it was read.
	Patient nhs.NHSNumber

	Event  store.EventID
	Copies int
	// Notices are issues that did not refuse the message, about the life cycle
	// of its event type.
	Notices []refuse.Issue
	// Warnings are the findings that did not refuse the message.
	Warnings []fhir.Finding
	// Repeated says that the idempotency key was known and nothing new was recorded.
	Repeated bool
}

// publication is one message while it is checked.
type publication struct {
	caller access.Caller
	body   []byte

	doc           *fhir.Document
	event         event.Event
	eventType     *catalogue.EventType
	number        nhs.NHSNumber
	warnings      []fhir.Finding
	lost          []fhir.Finding // references #ID that lead nowhere
	otherPatients []fhir.Finding // findings about Patient resources other than the routing patient
	notices       []refuse.Issue
	route         directory.Route
	deferred      bool // the directory cannot be reached, so route is not known yet
}

// Publish checks a message and stores it with its matches and deliveries. When
// it returns without an error, all of that is on disk. body must not change
// afterwards. key is the publisher's idempotency key, "" without one.
//
// The checks run in the order of decision 29: the first stage that fails
// answers.
func (b *Broker) Publish(ctx context.Context, caller access.Caller, body []byte, key string) (Published, error) {
	p := publication{caller: caller, body: body}
	if err := b.checkAndFind(ctx, &p); err != nil {
		return b.named(&p, Published{}), err
	}
	watch := b.start(ctx)
	published, err := b.accept(ctx, &p, key)
	watch.ended(StageCommit)
	published = b.named(&p, published)
	if err == nil && !published.Repeated {
		b.learnNow(ctx, published.Event, &p.event)
	}
	return published, err
}

// checkAndFind checks a message and finds its patient.
func (b *Broker) checkAndFind(ctx context.Context, p *publication) error {
	watch := b.start(ctx)
	for _, check := range []func(context.Context, *publication) error{
		b.entitled, b.parse, b.readFacts, b.fitInteraction, b.checkNumber, b.judge, b.lifeCycle,
	} {
		err := ctx.Err() // set when nobody waits for the answer any more
		if err == nil {
			err = check(ctx, p)
		}
		if err != nil {
			watch.ended(StageCheck)
			return err
		}
	}
	watch.ended(StageCheck)
	if err := ctx.Err(); err != nil {
		return err
	}
	err := b.findPatient(ctx, p)
	watch.ended(StagePatient)
	return err
}

// named fills in what the message says of itself.
func (b *Broker) named(p *publication, out Published) Published {
	if p.doc != nil && p.event.MessageID == "" { // refused before its facts were read
		p.event, _ = event.Read(p.doc)
	}
	if out.Patient = p.number; out.Patient.IsZero() {
		out.Patient, _ = nhs.ParseNHSNumber(p.event.Routing.NHSNumber)
	}
	if t, known := b.Catalogue().Type(p.event.Code); known {
		out.EventType = t.Code
	}
	if id, err := uuid.Parse(p.event.MessageID); err == nil {
		out.MessageID = id.String()
	}
	return out
}

// entitled keeps publishers to the event types that they may publish.
func (b *Broker) entitled(_ context.Context, p *publication) error {
	t, ok := b.Catalogue().ByInteraction(p.caller.Interaction.Event)
	if !ok {
		return nil // fitInteraction answers once the message is known
	}
	if refusal := p.caller.MayPublish(t.Code, t.Publishers == catalogue.SpineOnly); refusal != nil {
		return refusal
	}
	if t.Publishers == catalogue.SpineOnly {
		return nil
	}
	return b.mayPublish(p.caller, t.Code)
}

// parse reads the XML and checks its STU3 structure. Findings about references
// are answered by judge, together with its own.
func (b *Broker) parse(_ context.Context, p *publication) error {
	doc, findings, err := fhir.ParseXML(p.body)
	if err != nil {
		return notWellFormed(err)
	}
	p.doc = doc
	p.lost = pick(findings, isReferenceNotFound)
	return p.judge(slices.DeleteFunc(findings, isReferenceNotFound))
}

// notWellFormed refuses bytes that are not XML or JSON as FHIR uses them.
func notWellFormed(err error) error {
	var syntax *fhir.SyntaxError
	if errors.As(err, &syntax) {
		return refuse.MessageNotWellFormed(syntax.Error())
	}
	return err
}

// readFacts reads what happened to whom.
func (b *Broker) readFacts(_ context.Context, p *publication) error {
	e, findings := event.Read(p.doc)
	p.event = e
	return p.judge(findings)
}

// fitInteraction finds the event type and compares it with the interaction id.
func (b *Broker) fitInteraction(_ context.Context, p *publication) error {
	t, ok := b.Catalogue().Type(p.event.Code)
	if !ok {
		return p.caller.Interaction.UnknownEvent(p.event.Code)
	}
	if refusal := p.caller.Interaction.CheckEvent(t.Code, t.Interaction); refusal != nil {
		return refusal
	}
	p.eventType = t
	return nil
}

// checkNumber parses the routing NHS number; only a birth may lack it.
func (b *Broker) checkNumber(_ context.Context, p *publication) error {
	if p.event.Routing.NHSNumber == "" {
		return nil
	}
	n, err := nhs.ParseNHSNumber(p.event.Routing.NHSNumber)
	if err == nil && n.Digits() != p.event.Routing.NHSNumber {
		err = nhs.ErrNHSNumberForm // blanks are allowed for people, but subscribers get the number as written
	}
	if err != nil {
		return refuse.InvalidNHSNumber("MessageHeader.extension(routingDemographics).extension(nhsNumber): " + err.Error())
	}
	p.number = n
	return nil
}

// judge checks references and the rules of the event's page. findPatient
// answers its findings about patients.
func (b *Broker) judge(_ context.Context, p *publication) error {
	findings := p.eventType.Judge(p.doc, b.Level).Findings
	if missing := append(p.lost, pick(findings, isReferenceNotFound)...); len(missing) > 0 {
		return refuse.ReferenceNotFound(Issues(missing)...)
	}
	p.otherPatients = pick(findings, isOtherPatient)
	return p.judge(slices.DeleteFunc(findings, isOtherPatient))
}

// lifeCycle warns about event types that are being withdrawn, and refuses withdrawn ones.
func (b *Broker) lifeCycle(_ context.Context, p *publication) error {
	switch p.eventType.LifeCycle.State {
	case catalogue.Deprecated, catalogue.NoLongerSupported:
		p.notices = append(p.notices, refuse.Deprecated(notice(p.eventType)))
	case catalogue.Withdrawn:
		return refuse.EventTypesRefused(refuse.NoLongerSupported(notice(p.eventType)))
	}
	return nil
}

// accept records the event, its matches and its deliveries.
func (b *Broker) accept(ctx context.Context, p *publication, key string) (Published, error) {
	a := b.acceptance(p, key)
	receipt, err := b.Journal.AcceptEvent(ctx, a)
	if errors.Is(err, store.ErrKeyReused) {
		return Published{}, refuse.IdempotencyKeyReused()
	}
	if err != nil {
		return Published{}, err
	}
	return Published{Event: receipt.Event, Copies: receipt.Copies, Repeated: receipt.Repeated,
		Notices: p.notices, Warnings: p.warnings}, nil
}

// acceptance is what the store records about a message that was checked.
func (b *Broker) acceptance(p *publication, key string) store.Acceptance {
	id := b.Journal.NextPosition()
	at := b.Journal.Moment(id)
	a := store.Acceptance{
		Event: id, Code: p.event.Code, Kind: string(p.event.Kind), Workflow: p.eventType.Workflow,
		MessageID: p.event.MessageID, Publisher: p.caller.ASID, Patient: patientOf(&p.event),
		Body:     store.Compress(p.body, sha256.Sum256(p.body)),
		Withheld: p.route.Withheld, Demographic: fromSpine(p.event.Code),
		Deferred: p.deferred,
		Facts:    p.route.Facts(p.event.Code, at),
		Audit:    p.entry(id, at),
	}
	if len(p.warnings) > 0 {
		a.Warnings, _ = json.Marshal(p.warnings)
	}
	if key != "" {
		a.Idempotency = &store.Idempotency{ASID: p.caller.ASID, Key: key}
	}
	return a
}

// entry returns the audit entry of an accepted event. It names the patient,
// which only the audit may do.
func (p *publication) entry(id store.EventID, at time.Time) audit.Entry {
	e := Entry(p.caller, audit.ActionPublish)
	e.At = at
	e.Object = strconv.FormatInt(int64(id), 10)
	e.EventType = p.event.Code
	e.Patient = p.number
	e.Status = 202
	return e
}

// Entry begins the audit entry of a caller's action.
func Entry(c access.Caller, action audit.Action) audit.Entry {
	return audit.Entry{
		Action: action, Certificate: c.Certificate, ASID: c.ASID, ODS: c.ODS,
		User: c.User, Reason: c.Reason, Interaction: c.Interaction.ID, Request: c.Request,
	}
}
