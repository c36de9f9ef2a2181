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
	// Mailbox and Endpoint have the contracts of package operator.
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	Endpoint(ctx context.Context, row int64) (store.Endpoint, error)
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

// bring makes what a subscription brings along: the endpoint of its target, as it is to
// be. It belongs to the organisation that the caller acts for, or to that of the mailbox
// if the caller acts for several.
func (a *API) bring(ctx context.Context, caller access.Caller, w *wanted, made store.Endpoint) (with store.Brought, err error) {
	c, id := a.Channels.Endpoints, made.Mailbox.ID
	box, err := c.Mailbox(ctx, id)
	e := made
	if err == nil {
		e, err = c.Endpoint(ctx, box.Row)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return with, err
	}
	if err == nil && off(e) {
		return with, switchedOff
	}
	e.Mailbox = store.Mailbox{ID: id, Name: "MNS: " + w.target.Type, ODS: w.owner, Remote: true}
	e.Channel, e.Value = made.Channel, made.Value
	entry := broker.Entry(caller, audit.ActionPutEndpoint)
	entry.At, entry.Object, entry.Mailbox, entry.Status = a.Now(), id, id, http.StatusCreated
	return store.Brought{Endpoint: e, Alone: w.channel != store.SignalChannel, Audit: entry}, nil
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
