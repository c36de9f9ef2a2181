package operator

import (
	"context"
	"errors"
	"time"

	"nems/internal/audit"
	"nems/internal/guard"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/webhook"
)

// Endpoints keeps the addresses other than mailboxes that copies go to. Safe for
// concurrent use.
type Endpoints interface {
	// EndpointsAfter lists the first max behind the row of a mailbox, in the order
	// of the rows.
	EndpointsAfter(ctx context.Context, row int64, max int) ([]store.Endpoint, error)
	// Endpoint is webhook.Endpoints'.
	Endpoint(ctx context.Context, row int64) (store.Endpoint, error)
	// PutEndpoint stores an endpoint in place of the version that was read (0: of
	// none), with its audit entry, and makes its lane due at once. store.ErrChanged
	// when there is another version.
	PutEndpoint(ctx context.Context, e store.Endpoint, entry audit.Entry) error
}

// Webhooks is what a running service does with endpoints.
type Webhooks struct {
	// Test sends a test event, once, and says what came of it.
	Test func(ctx context.Context, e store.Endpoint) (store.Attempt, error)
	// Plain allows URLs without TLS.
	Plain bool
}

// Endpoint is a webhook as operators see it, without its secrets. ID, name,
// organisation, URL and form are what they say of it.
type Endpoint struct {
	ID   string       `json:"id"` // by which subscriptions name it, like a mailbox
	Name string       `json:"name,omitempty"`
	ODS  nhs.ODSCode  `json:"ods"` // organisation that it belongs to
	URL  string       `json:"url"`
	Form webhook.Form `json:"form,omitempty"` // signal (the default) or message
	// What the service says of it.
	Off       bool      `json:"off,omitempty"` // nothing is sent
	Why       string    `json:"why,omitempty"` // it is off
	Since     time.Time `json:"since,omitzero"`
	Consented time.Time `json:"consented,omitzero"` // when the receiver agreed
	Rate      int       `json:"rate,omitempty"`     // requests a minute that it allowed
	Rotating  time.Time `json:"rotating,omitzero"`  // until then the previous secret signs too
}

func newEndpoint(row store.Endpoint) (Endpoint, error) {
	e, err := webhook.Read(row)
	return Endpoint{ID: row.Mailbox.ID, Name: row.Mailbox.Name, ODS: row.Mailbox.ODS, URL: e.URL, Form: e.Form, Off: e.Off, Why: e.Why, Since: e.Since,
		Consented: e.Consented, Rate: e.Rate, Rotating: e.PreviousUntil}, err
}

// EndpointRef names an endpoint.
type EndpointRef struct {
	ID string `path:"id"`
}

// EndpointSecret is the secret that signs what an endpoint is sent. It is shown
// once, when it is new; "" when it stays as it was.
type EndpointSecret struct {
	ID     string `json:"id"`
	Secret string `json:"secret,omitempty"`
}

// Attempt is one attempt to deliver to an endpoint.
type Attempt struct {
	At           time.Time `json:"at"`
	Status       int       `json:"status,omitempty"` // of the answer; absent when there was none
	Milliseconds int64     `json:"milliseconds"`
	Why          string    `json:"why,omitempty"` // it failed
}

func newAttempt(a store.Attempt) Attempt {
	return Attempt{At: a.At, Status: a.Status, Milliseconds: a.Took.Milliseconds(), Why: a.Why}
}

// endpoints lists them in the order in which their ids were first put.
func (d Desk) endpoints(ctx context.Context, p Paging) (none Page[Endpoint], err error) {
	l, err := list[int64](d, "endpoints", nil, p)
	if err != nil {
		return none, err
	}
	rows, err := d.Store.EndpointsAfter(ctx, l.after, l.limit+1)
	if err != nil {
		return none, err
	}
	found, err := page(l, rows, func(e store.Endpoint) int64 { return e.Mailbox.Row })
	return shown(found, err, newEndpoint)
}

// findEndpoint finds one by its id, or NotFound.
func (d Desk) findEndpoint(ctx context.Context, id string) (store.Endpoint, error) {
	box, err := d.Store.Mailbox(ctx, id)
	if err != nil {
		return store.Endpoint{}, named(err, "endpoint", id)
	}
	row, err := d.Store.Endpoint(ctx, box.Row)
	row.Mailbox = box
	return row, named(err, "endpoint", id)
}

func (d Desk) showEndpoint(ctx context.Context, ref EndpointRef) (none Endpoint, err error) {
	row, err := d.findEndpoint(ctx, ref.ID)
	if err != nil {
		return none, err
	}
	return newEndpoint(row)
}

// putEndpoint registers a webhook, or changes one of its organisation: another
// URL needs the receiver's consent anew.
func (d Desk) putEndpoint(ctx context.Context, e Endpoint) (none EndpointSecret, err error) {
	if e.Form == "" {
		e.Form = webhook.Signal
	}
	if err := d.mayPut(e); err != nil {
		return none, err
	}
	row, err := d.findEndpoint(ctx, e.ID)
	var kept webhook.Endpoint
	switch {
	case err == nil && row.Mailbox.ODS != e.ODS:
		return none, conflict("the endpoint %s belongs to another organisation", e.ID)
	case err == nil:
		if kept, err = webhook.Read(row); err != nil {
			return none, err
		}
	case !errors.Is(err, store.ErrNotFound):
		return none, err
	case row.Mailbox.Row != 0:
		return none, conflict("%s is the id of a mailbox: expected another id", e.ID)
	}
	box := store.Mailbox{ID: e.ID, Name: e.Name, ODS: e.ODS, Remote: true}
	if box.Row, err = d.Store.PutMailbox(ctx, box); err != nil {
		return none, err
	}
	row.Mailbox, row.Channel = box, store.WebhookChannel
	if kept.URL != e.URL {
		kept.Consented = time.Time{}
	}
	out := EndpointSecret{ID: e.ID}
	kept.URL, kept.Form = e.URL, e.Form
	if kept.Secret == "" {
		kept.Rotate(d.Now())
		out.Secret = kept.Secret
	}
	return out, d.keepEndpoint(ctx, row, kept, e.ODS)
}

// mayPut says what is wrong with an endpoint.
func (d Desk) mayPut(e Endpoint) error {
	if d.Webhooks == nil {
		return conflict("webhooks are off: start the service with the setting webhooks: on")
	}
	_, wrongID := store.MailboxKey(e.ID)
	ods, wrongODS := nhs.ParseODSCode(string(e.ODS))
	wrongURL := guard.CheckURL(e.URL, d.Webhooks.Plain)
	switch {
	case wrongID != nil:
		return invalid("id", "id: %s", wrongID)
	case wrongODS != nil || ods != e.ODS:
		return invalid("ods", "ods: %s", nhs.ErrODSCode)
	case wrongURL != nil:
		return invalid("url", "url: %s", wrongURL)
	case e.Form != webhook.Signal && e.Form != webhook.Message:
		return expected("form", "signal or message", string(e.Form))
	}
	return nil
}

// keepEndpoint stores what became of an endpoint. The audit binds its URL and form,
// and not its secrets.
func (d Desk) keepEndpoint(ctx context.Context, row store.Endpoint, e webhook.Endpoint, ods nhs.ODSCode) error {
	entry := d.entry(audit.ActionPutEndpoint, digest(row.Mailbox.ID, []byte(string(e.Form)+" "+e.URL)))
	entry.Mailbox, entry.ODS = row.Mailbox.ID, ods
	row.Value = e.Pack()
	err := d.Store.PutEndpoint(ctx, row, entry)
	if errors.Is(err, store.ErrChanged) {
		return conflict("the endpoint %s was changed by somebody else at this moment: look at it, and try again", row.Mailbox.ID)
	}
	return err
}

// changeEndpoint changes an endpoint that is there.
func (d Desk) changeEndpoint(ctx context.Context, id string, change func(*webhook.Endpoint)) (e webhook.Endpoint, err error) {
	row, err := d.findEndpoint(ctx, id)
	if err != nil {
		return e, err
	}
	if e, err = webhook.Read(row); err != nil {
		return e, err
	}
	change(&e)
	return e, d.keepEndpoint(ctx, row, e, row.Mailbox.ODS)
}

// rotateEndpoint gives an endpoint a new secret. The previous one signs too for a day.
func (d Desk) rotateEndpoint(ctx context.Context, ref EndpointRef) (none EndpointSecret, err error) {
	e, err := d.changeEndpoint(ctx, ref.ID, func(e *webhook.Endpoint) { e.Rotate(d.Now()) })
	if err != nil {
		return none, err
	}
	return EndpointSecret{ID: ref.ID, Secret: e.Secret}, nil
}

// enableEndpoint has an endpoint sent to again, at once; the receiver is asked for
// its consent anew.
func (d Desk) enableEndpoint(ctx context.Context, ref EndpointRef) (none None, err error) {
	_, err = d.changeEndpoint(ctx, ref.ID, func(e *webhook.Endpoint) {
		e.Off, e.Why, e.Since, e.Consented = false, "", time.Time{}, time.Time{}
	})
	return none, err
}

// disableEndpoint stops sending. Copies wait for five days.
func (d Desk) disableEndpoint(ctx context.Context, ref EndpointRef) (none None, err error) {
	_, err = d.changeEndpoint(ctx, ref.ID, func(e *webhook.Endpoint) { e.Off, e.Why, e.Since = true, "switched off by an operator", d.Now() })
	return none, err
}

// testEndpoint sends a test event and says what came of it.
func (d Desk) testEndpoint(ctx context.Context, ref EndpointRef) (none Attempt, err error) {
	if d.Webhooks == nil {
		return none, conflict("webhooks are off: start the service with the setting webhooks: on")
	}
	row, err := d.findEndpoint(ctx, ref.ID)
	if err != nil {
		return none, err
	}
	a, err := d.Webhooks.Test(ctx, row)
	if err != nil {
		return none, err
	}
	entry := d.entry(audit.ActionTestEndpoint, row.Mailbox.ID)
	entry.Mailbox, entry.ODS, entry.Status = row.Mailbox.ID, row.Mailbox.ODS, a.Status
	d.Store.Record(entry)
	return newAttempt(a), nil
}
