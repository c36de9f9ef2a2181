package operator

import (
	"context"
	"errors"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// Endpoints keeps the addresses other than mailboxes that copies go to. Safe for
// concurrent use.
type Endpoints interface {
	// EndpointsAfter lists the first max behind the row of a mailbox, in the order
	// of the rows.
	EndpointsAfter(ctx context.Context, row int64, max int) ([]store.Endpoint, error)
	// Endpoint returns the one with the row of a mailbox, or store.ErrNotFound.
	Endpoint(ctx context.Context, row int64) (store.Endpoint, error)
	// PutEndpoint stores an endpoint in place of the version that was read (0: of
	// none), with its audit entry, and makes its lane due at once. store.ErrChanged
	// when there is another version.
	PutEndpoint(ctx context.Context, e store.Endpoint, entry audit.Entry) error
}

// Endpoint is an endpoint as operators see it, without its secrets. ID, name,
// organisation, channel and what the channel needs to know are what they say of it.
type Endpoint struct {
	ID      string        `json:"id"` // by which subscriptions name it, like a mailbox
	Name    string        `json:"name,omitempty"`
	ODS     nhs.ODSCode   `json:"ods"`               // organisation that it belongs to
	Channel store.Channel `json:"channel,omitempty"` // webhook (the default); it stays as it is
	URL     string        `json:"url,omitempty"`
	Region  string        `json:"region,omitempty"` // of a queue
	Key     string        `json:"key,omitempty"`    // name of the access key that signs what a queue is sent
	Form    string        `json:"form,omitempty"`   // what it is sent; the channel says which forms there are
	// What the service says of it.
	Off       bool      `json:"off,omitempty"` // nothing is sent
	Why       string    `json:"why,omitempty"` // it is off
	Since     time.Time `json:"since,omitzero"`
	Consented time.Time `json:"consented,omitzero"` // when the receiver agreed
	Rate      int       `json:"rate,omitempty"`     // requests a minute that it allowed
	Rotating  time.Time `json:"rotating,omitzero"`  // until then the previous secret signs too
}

func newEndpoint(row store.Endpoint) (e Endpoint, err error) {
	kept, err := keptOf(row)
	if err != nil {
		return e, err
	}
	e = Endpoint{ID: row.Mailbox.ID, Name: row.Mailbox.Name, ODS: row.Mailbox.ODS, Channel: row.Channel}
	kept.show(&e)
	return e, nil
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

// putEndpoint registers an endpoint, or changes one of its organisation.
func (d Desk) putEndpoint(ctx context.Context, e Endpoint) (none EndpointSecret, err error) {
	if e.Channel == "" {
		e.Channel = store.WebhookChannel
	}
	if err := d.mayPut(ctx, e); err != nil {
		return none, err
	}
	row, err := d.findEndpoint(ctx, e.ID)
	switch {
	case err == nil && row.Mailbox.ODS != e.ODS:
		return none, conflict("the endpoint %s belongs to another organisation", e.ID)
	case err == nil && row.Channel != e.Channel:
		return none, conflict("the endpoint %s has the channel %s, which stays: expected another id", e.ID, row.Channel)
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return none, err
	case err != nil && row.Mailbox.Row != 0:
		return none, conflict("%s is the id of a mailbox: expected another id", e.ID)
	}
	row.Channel = e.Channel
	kept, err := keptOf(row)
	if err != nil {
		return none, err
	}
	row.Mailbox = store.Mailbox{ID: e.ID, Name: e.Name, ODS: e.ODS, Remote: true}
	if row.Mailbox.Row, err = d.Store.PutMailbox(ctx, row.Mailbox); err != nil {
		return none, err
	}
	out := EndpointSecret{ID: e.ID, Secret: kept.put(e, d.Now())}
	return out, d.keepEndpoint(ctx, row, kept)
}

// mayPut says what is wrong with an endpoint.
func (d Desk) mayPut(ctx context.Context, e Endpoint) error {
	channel, known := channels[e.Channel]
	if !known || channel.check == nil {
		return expected("channel", knownChannels(), string(e.Channel))
	}
	running, err := d.running(e.Channel)
	if err != nil {
		return err
	}
	_, wrongID := store.MailboxKey(e.ID)
	ods, wrongODS := nhs.ParseODSCode(string(e.ODS))
	switch {
	case wrongID != nil:
		return invalid("id", "id: %s", wrongID)
	case wrongODS != nil || ods != e.ODS:
		return invalid("ods", "ods: %s", nhs.ErrODSCode)
	}
	if err := channel.check(e, running); err != nil || running.Fits == nil {
		return err
	}
	err = running.Fits(ctx, e)
	if err == nil || store.Temporary(err) {
		return err
	}
	return invalid("url", "url: %s", err)
}

// keepEndpoint stores what became of an endpoint. The audit binds where it is and
// what it is sent, and not its secrets.
func (d Desk) keepEndpoint(ctx context.Context, row store.Endpoint, kept keptEndpoint) error {
	entry := d.entry(audit.ActionPutEndpoint, digest(row.Mailbox.ID, []byte(kept.bound())))
	entry.Mailbox, entry.ODS = row.Mailbox.ID, row.Mailbox.ODS
	row.Value = kept.Pack()
	err := d.Store.PutEndpoint(ctx, row, entry)
	if errors.Is(err, store.ErrChanged) {
		return conflict("the endpoint %s was changed by somebody else at this moment: look at it, and try again", row.Mailbox.ID)
	}
	return err
}

// changeEndpoint changes an endpoint that is there.
func (d Desk) changeEndpoint(ctx context.Context, id string, change func(keptEndpoint) error) error {
	row, err := d.findEndpoint(ctx, id)
	if err != nil {
		return err
	}
	kept, err := keptOf(row)
	if err != nil {
		return err
	}
	if err := change(kept); err != nil {
		return err
	}
	return d.keepEndpoint(ctx, row, kept)
}

// rotateEndpoint gives an endpoint a new secret. The previous one signs too for a day.
func (d Desk) rotateEndpoint(ctx context.Context, ref EndpointRef) (none EndpointSecret, err error) {
	out := EndpointSecret{ID: ref.ID}
	err = d.changeEndpoint(ctx, ref.ID, func(kept keptEndpoint) error {
		signing, ok := kept.(rotatable)
		if !ok {
			return conflict("the endpoint %s has no secret of this service", ref.ID)
		}
		out.Secret = signing.rotate(d.Now())
		return nil
	})
	if err != nil {
		return none, err
	}
	return out, nil
}

// enableEndpoint has an endpoint sent to again, at once.
func (d Desk) enableEndpoint(ctx context.Context, ref EndpointRef) (none None, err error) {
	return none, d.changeEndpoint(ctx, ref.ID, func(kept keptEndpoint) error { kept.enable(); return nil })
}

// disableEndpoint stops sending. Copies wait for five days.
func (d Desk) disableEndpoint(ctx context.Context, ref EndpointRef) (none None, err error) {
	return none, d.changeEndpoint(ctx, ref.ID, func(kept keptEndpoint) error { kept.disable(store.SwitchedOff, d.Now()); return nil })
}

// testEndpoint sends a test event and says what came of it.
func (d Desk) testEndpoint(ctx context.Context, ref EndpointRef) (none Attempt, err error) {
	row, err := d.findEndpoint(ctx, ref.ID)
	if err != nil {
		return none, err
	}
	running, err := d.running(row.Channel)
	switch {
	case err != nil:
		return none, err
	case running.Test == nil:
		return none, conflict("nothing is sent to an endpoint with the channel %s", row.Channel)
	}
	a, err := running.Test(ctx, row)
	if err != nil {
		return none, err
	}
	entry := d.entry(audit.ActionTestEndpoint, row.Mailbox.ID)
	entry.Mailbox, entry.ODS, entry.Status = row.Mailbox.ID, row.Mailbox.ODS, a.Status
	d.Store.Record(entry)
	return newAttempt(a), nil
}
