package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/mesh"
	"nems/internal/nhs"
)

// errNotMESH: a proxy on the way may answer 200 with a page of its own, which
// must not be taken for the message.
var errNotMESH = errors.New("download: the answer has no mex- headers, so it is not MESH's")

// download fetches a message and reads what it is.
func (r *Receiver) download(ctx context.Context, id string) (Message, error) {
	d, err := r.mesh.Download(ctx, id)
	if err != nil {
		return Message{}, err
	}
	if d.MessageType == "" && d.MessageID == "" {
		return Message{}, errors.Join(errNotMESH, d.Body.Close())
	}
	body, err := io.ReadAll(io.LimitReader(d.Body, r.config.MaxBody+1))
	if err = errors.Join(err, d.Body.Close()); err != nil {
		return Message{}, fmt.Errorf("download: %w", err)
	}
	if int64(len(body)) > r.config.MaxBody {
		return Message{}, fmt.Errorf("%w (%d bytes)", ErrTooLarge, r.config.MaxBody)
	}
	m := Message{
		ID: id, Kind: Other, Key: "mesh|" + id, Order: Unordered, Body: body,
		From: d.From, To: d.To, WorkflowID: d.WorkflowID, LocalID: d.LocalID,
		FileName: d.FileName, Subject: d.Subject, Subscriptions: readSubscriptions(d.PartnerID),
	}
	if strings.EqualFold(d.MessageType, "REPORT") {
		m.Kind, m.Status = Report, status(d.Headers)
		return m, nil
	}
	r.readEvent(&m)
	return m, nil
}

func status(h mesh.Headers) Status {
	return Status{
		Event: h.StatusEvent, Code: h.StatusCode, Description: h.StatusDescription,
		Success: strings.EqualFold(h.StatusSuccess, "SUCCESS"), LinkedID: h.LinkedMsgID, At: h.StatusTime,
	}
}

// errSender: anybody may send to a mailbox; events come from NEMS.
var errSender = errors.New("not an event message: it comes from another mailbox than those in Config.Senders")

// readEvent reads the facts. What has an event code and a message id is an
// event, even if other facts are missing: repeats of it can be told.
func (r *Receiver) readEvent(m *Message) {
	if known := r.config.Senders; len(known) > 0 && !slices.ContainsFunc(known, func(s string) bool { return strings.EqualFold(s, m.From) }) {
		m.Problem = errSender
		return
	}
	doc, _, err := fhir.ParseXML(m.Body)
	if err != nil {
		m.Problem = fmt.Errorf("not an event message: %w", err)
		return
	}
	e, findings := event.Read(doc)
	m.Problem = problem(findings)
	if e.Code == "" || e.MessageID == "" {
		return
	}
	m.Kind = Event
	m.Facts = Facts{
		Code: e.Code, Kind: string(e.Kind), MessageID: e.MessageID,
		Source: e.Source, SourceASID: asidIn(e.Source), Focus: e.Focus, Identifier: identifierOf(doc, e.Focus),
		NHSNumber: NHSNumber(strings.ReplaceAll(e.Routing.NHSNumber, " ", "")),
		Point:     newPoint(e.LastUpdated, e.VersionID),
	}
	m.Own = m.Facts.SourceASID != "" && slices.Contains(r.config.OwnASIDs, m.Facts.SourceASID)
	if !r.config.EveryCopy {
		m.Key = "event|" + e.Code + "|" + strings.ToLower(e.MessageID) // UUIDs in either case
	}
}

// problem says which rules the message breaks and where.
func problem(findings []fhir.Finding) error {
	var all []error
	for _, f := range findings {
		all = append(all, fmt.Errorf("%s: %s", f.Location, f.Text))
	}
	return errors.Join(all...)
}

// asidIn returns the ASID at the end of a source endpoint, which is written as
// urn:nhs:addressing:asid:NNNNNNNNNNNN, as a URL, or bare.
func asidIn(endpoint string) string {
	last := endpoint[strings.LastIndexAny(endpoint, ":/|")+1:]
	asid, err := nhs.ParseASID(last)
	if err != nil {
		return ""
	}
	return string(asid)
}

// sequence names the messages that this one is to be compared with; "" for
// none: those about the same thing, or else those of one system, patient and
// event type ("Event Message Sequencing").
func (m *Message) sequence() string {
	f := m.Facts
	switch {
	case f.Point.IsZero():
		return ""
	case !f.Identifier.IsZero():
		return strings.Join([]string{"thing", f.Code, f.Identifier.System, f.Identifier.Value}, "|")
	case f.NHSNumber == "" || f.Source == "":
		return ""
	}
	return strings.Join([]string{f.Source, string(f.NHSNumber), f.Code}, "|")
}
