package receiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/nhs"
)

// Why a message is not an event, or why it is unknown what an event is about.
var (
	// errIDs: these ids become keys, file names and lines of the audit.
	errIDs   = errors.New("not an event message: MessageHeader.id and MessageHeader.event.code must have 1 to 64 letters, digits, hyphens, dots and underscores")
	errJSON  = errors.New("not an event message: it is JSON, as signals of the MNS are")
	errFocus = errors.New("MessageHeader.focus leads to no resource with an identifier: corrections of it cannot be recognised")
)

// readEvent reads the facts. A message with an event code and a message id is
// an event even if other facts are missing, because its repeats can be
// recognised.
func (r *Receiver) readEvent(m *Message) {
	if json.Valid(m.Body) {
		m.Problem = errJSON
		return
	}
	doc, _, err := fhir.ParseXML(m.Body)
	if err != nil {
		m.Problem = fmt.Errorf("not an event message: %w", err)
		return
	}
	e, findings := event.Read(doc)
	m.Problem = problem(findings)
	if !isID(e.Code) || !isID(e.MessageID) {
		m.Problem = errors.Join(m.Problem, errIDs)
		return
	}
	m.Kind = Event
	m.Facts = factsOf(e, identifierOf(doc, e.Focus))
	if m.Facts.Identifier.IsZero() && !fromSpine(e.Code) {
		m.Problem = errors.Join(m.Problem, errFocus)
	}
	m.Own = m.Facts.SourceASID != "" && slices.Contains(r.config.OwnASIDs, m.Facts.SourceASID)
	if !r.config.EveryCopy {
		m.Key = "event|" + e.Code + "|" + strings.ToLower(e.MessageID) // UUIDs may have either case
	}
}

// read reads the facts of a message. A message that does not come from NEMS is not an event.
func (r *Receiver) read(m Message) Message {
	event := m
	r.readEvent(&event)
	if event.Kind != Event || r.believed(m.From) {
		return event
	}
	m.Problem = ErrSender
	r.config.Logger.Warn("a message that reads as an event is not treated as one: it was not sent by a mailbox of NEMS", "message", m, "from", m.From)
	return m
}

func (r *Receiver) believed(sender string) bool {
	return slices.ContainsFunc(r.config.Senders, func(s string) bool { return s == AnySender || strings.EqualFold(s, sender) })
}

func factsOf(e event.Event, about Identifier) Facts {
	f := Facts{
		Code: e.Code, Kind: string(e.Kind), MessageID: e.MessageID,
		Source: e.Source, SourceASID: asidIn(e.Source), Focus: e.Focus, Identifier: about,
		NHSNumber: NHSNumber(strings.ReplaceAll(e.Routing.NHSNumber, " ", "")),
		Point:     newPoint(e.LastUpdated, e.VersionID),
	}
	if rank(f.Kind) < 0 {
		f.Kind = "" // Problem reports it
	}
	return f
}

// isID reports whether a text is an id as FHIR writes them (underscores are allowed too).
func isID(text string) bool {
	return text != "" && len(text) <= 64 && strings.IndexFunc(text, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-' || r == '.' || r == '_')
	}) < 0
}

// problem returns the rules that the message breaks, and where.
func problem(findings []fhir.Finding) error {
	var all []error
	for _, f := range findings {
		all = append(all, fmt.Errorf("%s: %s", f.Location, f.Text))
	}
	return errors.Join(all...)
}

// asidIn returns the ASID at the end of a source endpoint, which is written as
// urn:nhs:addressing:asid:NNNNNNNNNNNN, as a URL, or without a prefix.
func asidIn(endpoint string) string {
	last := endpoint[strings.LastIndexAny(endpoint, ":/|")+1:]
	asid, err := nhs.ParseASID(last)
	if err != nil {
		return ""
	}
	return string(asid)
}
