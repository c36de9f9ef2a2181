package operator

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/directory"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/refuse"
)

// MessageCheck asks what is wrong with a message.
type MessageCheck struct {
	Message string `json:"message" jsonschema:"the message: XML"`
	Level   string `json:"level,omitempty" jsonschema:"schema, standard or strict; by default standard"`
}

// CheckedMessage is what is wrong with a message, and what publishing would answer.
type CheckedMessage struct {
	EventType string `json:"eventType,omitempty"`
	Kind      string `json:"kind,omitempty"`
	// Status and Code are what publishing answers: 202 without a code, or a refusal.
	Status      int              `json:"status"`
	Code        string           `json:"code,omitempty"`
	Diagnostics string           `json:"diagnostics,omitempty"`
	Findings    []MessageFinding `json:"findings"`
}

// MessageFinding is one thing that is wrong with a message.
type MessageFinding struct {
	Severity   string `json:"severity"`
	Text       string `json:"text"`
	Rule       string `json:"rule"`
	Expression string `json:"expression,omitempty" jsonschema:"the element as FHIRPath"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
}

// checkMessage judges a message as publishing would, and stores nothing.
func (d Desk) checkMessage(ctx context.Context, q MessageCheck) (none CheckedMessage, err error) {
	if d.Check == nil {
		return none, conflict("a message is checked by a service that runs: start it")
	}
	level := catalogue.Level(q.Level)
	switch level {
	case "":
		level = catalogue.Standard
	case catalogue.Schema, catalogue.Standard, catalogue.Strict:
	default:
		return none, expected("level", "schema, standard or strict", q.Level)
	}
	out := CheckedMessage{Status: http.StatusAccepted, Findings: []MessageFinding{}}
	_, found := d.Types().Findings([]byte(q.Message), level)
	for _, f := range found {
		out.Findings = append(out.Findings, newMessageFinding(f))
	}
	checked, err := d.Check(ctx, []byte(q.Message))
	out.EventType, out.Kind = checked.EventType, checked.Kind
	var refusal *refuse.Refusal
	if errors.As(err, &refusal) {
		out.Status, out.Code, out.Diagnostics = refusal.Status, string(refusal.Code()), refusal.Reason()
		return out, nil
	}
	return out, err
}

func newMessageFinding(f fhir.Finding) MessageFinding {
	return MessageFinding{Severity: string(f.Severity), Text: f.Text, Rule: f.Rule, Expression: f.Expression, Line: f.Line, Column: f.Column}
}

// Composition says which message to make.
type Composition struct {
	EventType string `json:"eventType"`
	Kind      string `json:"kind,omitempty" jsonschema:"new, update or delete; by default new"`
	// Patient travels in the body only, never in a URL.
	Patient string `json:"patient,omitempty" jsonschema:"an NHS number that the directory knows; by default the dev world's"`
	// MessageID is that of the message which an update or a delete is about.
	MessageID   string      `json:"messageId,omitempty" jsonschema:"MessageHeader.id: a UUID; by default a fresh one"`
	At          time.Time   `json:"at,omitzero" jsonschema:"the moment of the message; by default now"`
	NotGiven    bool        `json:"notGiven,omitempty" jsonschema:"vaccinations-1: the vaccination was not given"`
	Postcode    string      `json:"postcode,omitempty" jsonschema:"where the patient lives as of the message; by default where the directory has them"`
	OldPostcode string      `json:"oldPostcode,omitempty" jsonschema:"pds-change-of-address-1: where the patient lived before"`
	Practice    nhs.ODSCode `json:"practice,omitempty" jsonschema:"the patient's practice as of the message; by default that of the directory"`
	OldPractice nhs.ODSCode `json:"oldPractice,omitempty" jsonschema:"pds-change-of-gp-1: the patient's practice before"`
	Left        bool        `json:"left,omitempty" jsonschema:"pds-change-of-gp-1: the patient is registered nowhere now"`
	Death       string      `json:"death,omitempty" jsonschema:"pds-death-notification-1: 1 informal, 2 formal, U removed; by default 2"`
}

// ComposedMessage is a message that was made.
type ComposedMessage struct {
	Message string `json:"message" jsonschema:"the message: XML"`
}

// composeMessage makes a message that is valid at the level strict, about a patient of
// the directory.
func (d Desk) composeMessage(ctx context.Context, q Composition) (none ComposedMessage, err error) {
	g := example.Generator{NewID: uuid.NewString, Now: d.Now, Choices: example.Choices{
		NotGiven: q.NotGiven, OldPostcode: q.OldPostcode, OldPractice: string(q.OldPractice), Left: q.Left, Death: q.Death,
	}}
	if !q.At.IsZero() {
		g.Now = func() time.Time { return q.At }
	}
	if q.MessageID != "" {
		id, err := uuid.Parse(q.MessageID)
		if err != nil {
			return none, expected("messageId", "a UUID", q.MessageID)
		}
		g.MessageID = id.String()
	}
	about, err := d.composedAbout(ctx, &q, &g.Choices)
	if err != nil {
		return none, err
	}
	message, err := g.Message(q.EventType, q.Kind, about)
	if err != nil {
		return none, invalid("", "%s", err)
	}
	return ComposedMessage{Message: string(fhir.IndentXML(message))}, nil
}

// looked allows governance alone to learn something of a patient on the way to
// something else, and records it as a look-up.
func (d Desk) looked(number nhs.NHSNumber, reason string) error {
	if err := d.may(Governance); err != nil {
		return err
	}
	e := d.entry(audit.ActionLookUpPatient, "")
	e.Patient, e.Reason = number, reason
	d.Store.Record(e)
	return nil
}

// composedAbout is whom a message is about. What changed comes from the directory
// where the request leaves it out: the old address, the old practice.
func (d Desk) composedAbout(ctx context.Context, q *Composition, c *example.Choices) (about example.Patient, err error) {
	about.Postcode, about.Practice = q.Postcode, string(q.Practice)
	if q.Patient == "" {
		return about, nil
	}
	number, err := nhs.ParseNHSNumber(q.Patient)
	if err != nil {
		return about, invalid("patient", "patient: %s", err)
	}
	if err := d.looked(number, "to make a message"); err != nil {
		return about, err
	}
	if d.Patients == nil {
		return about, conflict("the patient directory is asked by a service that runs: start it")
	}
	p, err := d.Patients.Patient(ctx, number)
	if errors.Is(err, directory.ErrNotFound) {
		return about, invalid("patient", "patient: the directory does not have this NHS number")
	}
	if err != nil {
		return about, err
	}
	about.NHSNumber, about.Family, about.Given = number.Digits(), p.Family, strings.Join(p.Given, " ")
	if !p.BirthDate.IsZero() {
		about.BirthDate = p.BirthDate.Format(time.DateOnly)
	}
	if c.OldPostcode == "" && q.Postcode != "" {
		c.OldPostcode = p.Postcode
	}
	if c.OldPractice == "" && (q.Practice != "" || q.Left) {
		c.OldPractice = string(p.GP)
	}
	if about.Postcode == "" {
		about.Postcode = p.Postcode
	}
	if about.Practice == "" {
		about.Practice = string(p.GP)
	}
	return about, nil
}

// Publication is a message to publish as one of the systems.
type Publication struct {
	Message string      `json:"message" jsonschema:"the message: XML"`
	ASID    nhs.ASID    `json:"asid" jsonschema:"the system that publishes"`
	ODS     nhs.ODSCode `json:"ods" jsonschema:"its organisation"`
}

// PublishedMessage is what the service answered to the publisher.
type PublishedMessage struct {
	Status int    `json:"status"`
	Answer string `json:"answer,omitempty" jsonschema:"the OperationOutcome, if there is one: XML"`
	// Event is the number of the event; 0 where the message was refused.
	Event int64 `json:"event,omitempty"`
}

// publishMessage publishes a message as a system does: through the front door, with
// that system's rights. The audit has the publish under the system, with the person.
func (d Desk) publishMessage(ctx context.Context, q Publication) (none PublishedMessage, err error) {
	if d.Publish == nil {
		return none, conflict("messages are published from here in the development world only: nems publish sends one as a system of yours")
	}
	status, answer, err := d.Publish(ctx, q.ASID, q.ODS, d.User, []byte(q.Message))
	if err != nil {
		return none, err
	}
	out := PublishedMessage{Status: status, Answer: string(answer)}
	if status != http.StatusAccepted {
		return out, nil
	}
	if doc, _, err := fhir.ParseXML([]byte(q.Message)); err == nil {
		e, _ := event.Read(doc)
		if event, err := d.eventNamed(ctx, e.MessageID, d.Now().Add(-time.Hour)); err == nil {
			out.Event = int64(event)
		}
	}
	return out, nil
}
