package mns

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"mime"
	"net/http"
	"regexp"

	"github.com/go-json-experiment/json"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/form"
	"nems/internal/nhs"
	"nems/internal/store"
)

// parseMedia reads a media type with its parameters.
func parseMedia(text string) (string, map[string]string, error) { return mime.ParseMediaType(text) }

// The forms of an endpoint. Those of a MESH mailbox and of a queue are the MNS's
// (specification, create-or-update-subscription-body.yaml); queues elsewhere than in
// its region, and webhooks, are ours.
var (
	meshTarget  = regexp.MustCompile(`^mesh://(\w+)\?workflow_id=([\w.-]{1,300})$`)
	queueTarget = regexp.MustCompile(`^arn:aws:sqs:[a-z0-9-]+:\d{0,12}:[\w.-]{1,80}$`)
	urlTarget   = regexp.MustCompile(`^https?://[!-~]+$`)
)

// parseTarget reads where signals are to go, and on which channel: "" for nowhere.
func parseTarget(endpoint string) (t form.Target, c store.Channel) {
	t.Endpoint = endpoint
	if len(endpoint) > mostText {
		return t, ""
	}
	if m := meshTarget.FindStringSubmatch(endpoint); m != nil {
		t.Mailbox, t.Workflow = m[1], m[2]
		return t, store.SignalChannel
	}
	switch {
	case queueTarget.MatchString(endpoint):
		c = store.QueueChannel
	case urlTarget.MatchString(endpoint):
		c = store.WebhookChannel
	}
	return t, c
}

// Endpoints keeps where copies go. Safe for concurrent use.
type Endpoints interface {
	// Mailbox, PutMailbox, Endpoint and PutEndpoint have the contracts of package
	// operator.
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	PutMailbox(ctx context.Context, m store.Mailbox) (int64, error)
	Endpoint(ctx context.Context, row int64) (store.Endpoint, error)
	PutEndpoint(ctx context.Context, e store.Endpoint, entry audit.Entry) error
}

// Channels are the ways on which signals can go.
type Channels struct {
	Endpoints Endpoints
	// Remote says that mailboxes of a remote MESH are reached.
	Remote bool
	// LocalQueue returns the mailbox that is served here as the queue of an ARN; ""
	// for a queue elsewhere.
	LocalQueue func(arn string) (mailbox string)
	// Others make the values of endpoints of other channels. A channel that is not here
	// is not offered.
	Others map[store.Channel]Opener
}

// Opener makes the value of an endpoint for a target of one of some organisations, and
// says of which. It returns NoEndpoint where none of them has such an endpoint.
type Opener func(ctx context.Context, owners []nhs.ODSCode, t form.Target) ([]byte, nhs.ODSCode, error)

// NoEndpoint says in words for the subscriber why a target cannot be one of its.
type NoEndpoint string

func (e NoEndpoint) Error() string { return string(e) }

// id is by which subscriptions name the endpoint of a target. A queue or a webhook has
// one for each type, so that there is one subscription; a MESH mailbox one for each
// criteria.
func (w *wanted) id() string {
	key := string(w.owner) + "\n" + w.target.Endpoint + "\n" + w.target.Type
	if w.channel == store.SignalChannel {
		key += "\n" + w.target.Payload + "\n" + w.criteria.Normal()
	}
	sum := sha256.Sum256([]byte(key))
	return "MNS-" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:15])
}

// open stores the endpoint of a target, unless it is there as it is. It belongs to the
// organisation that the caller acts for, or to that of the mailbox if the caller acts
// for several.
func (a *API) open(ctx context.Context, caller access.Caller, w *wanted, made store.Endpoint) error {
	c, id := a.Channels.Endpoints, made.Mailbox.ID
	box, err := c.Mailbox(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		box = store.Mailbox{ID: id, Name: "MNS: " + w.target.Type, ODS: w.owner, Remote: true}
		box.Row, err = c.PutMailbox(ctx, box)
	}
	if err != nil {
		return err
	}
	e, err := c.Endpoint(ctx, box.Row)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil {
		if off(e) {
			return failed(http.StatusConflict, "This endpoint has been switched off by the operator of the service")
		}
		if string(e.Value) == string(made.Value) {
			return nil
		}
	}
	e.Mailbox, e.Channel, e.Value = box, made.Channel, made.Value
	entry := broker.Entry(caller, audit.ActionPutEndpoint)
	entry.At, entry.Object, entry.Mailbox, entry.Status = a.Now(), id, id, http.StatusCreated
	err = c.PutEndpoint(ctx, e, entry)
	if errors.Is(err, store.ErrChanged) { // by the same request at another node
		err = store.ErrBusy
	}
	return err
}

// off reports whether an operator has switched an endpoint off. The values of all
// channels say so with one member.
func off(e store.Endpoint) bool {
	var kept struct {
		Off bool `json:"off"`
	}
	return json.Unmarshal(e.Value, &kept) == nil && kept.Off
}

// endpoint makes the endpoint of a target, if the caller may have it, and fills in whose
// it is.
func (a *API) endpoint(ctx context.Context, caller access.Caller, w *wanted) (e store.Endpoint, err error) {
	t := &w.target
	if w.channel == store.QueueChannel && a.Channels.LocalQueue != nil {
		if t.Mailbox = a.Channels.LocalQueue(t.Endpoint); t.Mailbox != "" {
			t.Workflow = t.Type
		}
	}
	if t.Mailbox != "" {
		e.Channel = store.SignalChannel
		w.owner, err = a.mailbox(ctx, caller, t)
		e.Value = t.Pack()
		return e, err
	}
	opener := a.Channels.Others[w.channel]
	if opener == nil {
		return e, NoEndpoint("Endpoints of this kind are not served here")
	}
	e.Channel = w.channel
	e.Value, w.owner, err = opener(ctx, actsFor(caller), *t)
	return e, err
}

// actsFor lists the organisations that a caller acts for.
func actsFor(caller access.Caller) []nhs.ODSCode {
	if caller.Claimed {
		return []nhs.ODSCode{caller.ODS}
	}
	return caller.System.ODSCodes
}

// mailbox checks that a caller may have signals put into a MESH mailbox, and returns
// whose it is.
func (a *API) mailbox(ctx context.Context, caller access.Caller, t *form.Target) (nhs.ODSCode, error) {
	box, err := a.Channels.Endpoints.Mailbox(ctx, t.Mailbox)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	if err != nil || caller.MayOwn(box.ODS, t.Mailbox, box.ODS) != nil {
		return "", NoEndpoint("Please provide a MESH mailbox, or a queue, that is registered for your organisation and application")
	}
	if _, err := a.Channels.Endpoints.Endpoint(ctx, box.Row); !errors.Is(err, store.ErrNotFound) {
		if err == nil {
			err = NoEndpoint("Please provide a MESH mailbox: this is the name of another endpoint")
		}
		return "", err
	}
	if box.Remote && !a.Channels.Remote {
		return "", NoEndpoint("This service has no connection to the MESH of that mailbox")
	}
	return box.ODS, nil
}
