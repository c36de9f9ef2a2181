package broker

import (
	"context"
	"errors"
	"time"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/directory"
	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Subscribed is a subscription as created.
type Subscribed struct {
	Subscription subscription.Subscription
	// Notices are about event types that are being withdrawn.
	Notices []refuse.Issue
	// Endpoint is the row of the endpoint that it has brought along; 0 for none.
	Endpoint int64
}

// Subscribe creates a subscription from the body of a request. When it returns
// without an error, every event accepted from then on is matched against it.
func (b *Broker) Subscribe(ctx context.Context, caller access.Caller, body []byte) (Subscribed, error) {
	resource, err := readSubscription(body, caller.Body)
	if err != nil {
		return Subscribed{}, err
	}
	s, notices, err := b.draft(ctx, caller, resource, b.Now())
	if err != nil {
		return Subscribed{}, err
	}
	return b.commit(ctx, caller, s, notices)
}

// draft makes the subscription that a resource requests, or refuses it. at is
// the moment of its creation.
func (b *Broker) draft(ctx context.Context, caller access.Caller, resource subscription.Resource, at time.Time) (s subscription.Subscription, notices []refuse.Issue, err error) {
	if err = ctx.Err(); err != nil {
		return s, nil, err // nobody waits for the answer any more
	}
	s = subscription.Subscription{
		ID: subscription.NewID(at), ASID: caller.ASID, ODS: resource.Contact, Contacts: resource.Contacts, Mailbox: resource.Mailbox,
		Status: subscription.Active, End: resource.End, Reason: resource.Reason, Created: at, Version: 1,
	}
	if b.ManualActivation {
		s.Status = subscription.Requested
	}
	if s.Criteria, err = readCriteria(resource.Criteria); err != nil {
		return s, nil, err
	}
	if !s.End.IsZero() && !s.End.After(at) {
		return s, nil, refuse.InvalidRequestMessage("Subscription.end: expected an instant in the future; received one in the past")
	}
	if err = b.mayOwn(ctx, caller, s); err != nil {
		return s, nil, err
	}
	if err = b.mayHave(ctx, &s); err != nil {
		return s, nil, err
	}
	if notices, err = b.subscribable(s.Criteria.Events); err != nil {
		return s, nil, err
	}
	return s, notices, b.exists(ctx, s.Criteria)
}

// commit stores the subscription.
func (b *Broker) commit(ctx context.Context, caller access.Caller, s subscription.Subscription, notices []refuse.Issue) (Subscribed, error) {
	if err := subscribeRefusal(b.Journal.Subscribe(ctx, s, subscribeEntry(caller, s))); err != nil {
		return Subscribed{}, err
	}
	return Subscribed{Subscription: s, Notices: notices}, nil
}

// subscribeEntry returns the audit entry of a new subscription.
func subscribeEntry(caller access.Caller, s subscription.Subscription) audit.Entry {
	entry := Entry(caller, audit.ActionSubscribe)
	entry.At, entry.Object, entry.Patient, entry.Mailbox, entry.Status = s.Created, s.ID.String(), s.Criteria.Patient, s.Mailbox, 201
	return entry
}

// subscribeRefusal converts the journal's error about a new subscription to an answer.
func subscribeRefusal(err error) error {
	var duplicate *store.DuplicateError
	var full *store.QuotaError
	switch {
	case errors.As(err, &full) && full.Quota == store.EndpointsQuota:
		return refuse.EndpointsUsedUp(full.Limit)
	case errors.As(err, &duplicate):
		return refuse.DuplicateRejected(duplicate.ID.String())
	case errors.As(err, &full):
		return refuse.QuotaUsedUp(full.Limit, counted[full.Quota])
	}
	return err
}

// counted says in an answer which subscriptions are too many.
var counted = map[store.Quota]string{
	store.SystemQuota:       "of this system",
	store.OrganisationQuota: "of this organisation",
	store.RouteQuota:        "to this patient or under this geographic rule for this mailbox",
}

// readSubscription reads the resource and checks it against the table of the
// page "Create Subscription".
func readSubscription(body []byte, media access.Media) (subscription.Resource, error) {
	doc, findings, err := readDocument(body, media)
	if err != nil {
		return subscription.Resource{}, err
	}
	return readResource(doc.Root(), findings)
}

// readDocument reads a resource in either format. The document is empty when
// the JSON names no resource, and the findings say so.
func readDocument(body []byte, media access.Media) (doc *fhir.Document, findings []fhir.Finding, err error) {
	if media.Format == access.JSON {
		if body, findings, err = fhir.JSONToXML(body); err != nil {
			return nil, nil, notWellFormed(err)
		}
		if body == nil {
			return nil, findings, nil
		}
	}
	doc, wrong, err := fhir.ParseXML(body)
	if err != nil {
		return nil, nil, notWellFormed(err)
	}
	return doc, append(findings, wrong...), nil
}

// readResource reads a Subscription; findings are those about its structure.
func readResource(root fhir.Node, findings []fhir.Finding) (subscription.Resource, error) {
	if len(findings) > 0 {
		return subscription.Resource{}, refuse.InvalidResource(Issues(findings)...)
	}
	resource, wrong := subscription.ReadResource(root)
	if resource.HasID {
		return resource, refuse.ResourceIDNotAllowed()
	}
	if len(wrong) > 0 {
		return resource, refuse.InvalidResource(Issues(wrong)...)
	}
	return resource, nil
}

// readCriteria parses the criteria and converts an error to a refusal.
func readCriteria(text string) (subscription.Criteria, error) {
	c, err := subscription.ParseCriteria(text)
	var wrong *subscription.CriteriaError
	if errors.As(err, &wrong) {
		if wrong.NHSNumber {
			return c, refuse.InvalidNHSNumber(wrong.Error())
		}
		return c, refuse.InvalidRequestMessage(wrong.Error())
	}
	return c, err
}

// mayOwn checks that contact, mailbox and caller belong together, and that the
// caller may make such a subscription to these events.
func (b *Broker) mayOwn(ctx context.Context, caller access.Caller, s subscription.Subscription) error {
	var mailboxODS nhs.ODSCode
	mailbox, err := b.Mailboxes.Mailbox(ctx, s.Mailbox)
	switch {
	case err == nil:
		mailboxODS = mailbox.ODS
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	if refusal := caller.MayOwn(s.ODS, s.Mailbox, mailboxODS); refusal != nil {
		return refusal
	}
	if err := b.shared(ctx, mailbox); err != nil {
		return err
	}
	kind := access.Explicit
	if s.Criteria.Rule != "" {
		kind = access.Generic
	}
	if refusal := caller.MaySubscribe(kind, s.Criteria.Events...); refusal != nil {
		return refusal
	}
	return nil
}

// subscribable checks that the event types exist and can still be subscribed
// to. One refused event type refuses the whole subscription, and every issue is
// listed (decision 19).
func (b *Broker) subscribable(codes []string) ([]refuse.Issue, error) {
	var issues []refuse.Issue
	refused := false
	types := b.Catalogue()
	for _, code := range codes {
		t, ok := types.Type(code)
		if !ok {
			return nil, refuse.InvalidRequestMessage("criteria: MessageHeader.event: expected the code of a supported event type; received an unknown code")
		}
		switch t.LifeCycle.State {
		case catalogue.Deprecated:
			issues = append(issues, refuse.Deprecated(notice(t)))
		case catalogue.NoLongerSupported, catalogue.Withdrawn:
			issues = append(issues, refuse.NoLongerSupported(notice(t)))
			refused = true
		}
	}
	if refused {
		return nil, refuse.EventTypesRefused(issues...)
	}
	return issues, nil
}

// notice says what happens to an event type, and when.
func notice(t *catalogue.EventType) refuse.Notice {
	l := t.LifeCycle
	return refuse.Notice{Display: t.Display, Code: t.Code, Deprecated: l.Deprecated, NoLongerSupported: l.NoLongerSupported, Withdrawn: l.Withdrawn, URL: l.URL}
}

// exists checks that the directory has the patient or organisation that the
// criteria name.
func (b *Broker) exists(ctx context.Context, c subscription.Criteria) error {
	if !c.Patient.IsZero() {
		_, err := b.Patients.Patient(ctx, c.Patient)
		if errors.Is(err, directory.ErrNotFound) && !b.AcceptUnknownPatients {
			return refuse.PatientNotFound("criteria: Patient.identifier: an NHS number that PDS does not have")
		}
		if errors.Is(err, directory.ErrNotFound) {
			return nil
		}
		return err
	}
	if c.Key().Kind == subscription.ByCountry {
		return nil // the parser has checked it against the page's list
	}
	_, err := b.Organisations.Organisation(ctx, nhs.ODSCode(c.Organisation))
	if errors.Is(err, directory.ErrNotFound) {
		return refuse.OrganisationNotFound("criteria: Organization.identifier: an organisation that the directory does not have")
	}
	return err
}

// Read returns a subscription of the caller's organisation.
func (b *Broker) Read(ctx context.Context, caller access.Caller, id string) (subscription.Subscription, error) {
	parsed, err := subscription.ParseID(id)
	if err != nil {
		return subscription.Subscription{}, refuse.BadRequest("the id of a subscription has 32 letters or digits; received another form")
	}
	s, err := b.Journal.Subscription(ctx, parsed)
	if err != nil {
		return s, deleteRefusal(err)
	}
	if refusal := caller.Owns(s.ODS); refusal != nil {
		return subscription.Subscription{}, refusal
	}
	return s, nil
}

// Unsubscribe deletes a subscription of the caller's organisation. No event
// accepted after it returns is matched against it.
func (b *Broker) Unsubscribe(ctx context.Context, caller access.Caller, id string) error {
	s, err := b.Read(ctx, caller, id)
	if err != nil {
		return err
	}
	return deleteRefusal(b.Journal.Delete(ctx, s.ID, b.deleteEntry(caller, s)))
}

// deleteEntry returns the audit entry of a deletion.
func (b *Broker) deleteEntry(caller access.Caller, s subscription.Subscription) audit.Entry {
	entry := Entry(caller, audit.ActionDelete)
	entry.At, entry.Object, entry.Patient, entry.Mailbox, entry.Status = b.Now(), s.ID.String(), s.Criteria.Patient, s.Mailbox, 200
	return entry
}

// deleteRefusal converts the journal's error about a missing subscription to an answer.
func deleteRefusal(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return refuse.NoRecordFound("there is no subscription of this id, or it was deleted")
	}
	return err
}
