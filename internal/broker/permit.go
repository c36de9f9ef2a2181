package broker

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"nems/internal/access"
	"nems/internal/controllers"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Controllers is the controller catalogue, and how closely it is followed. Both change
// while the service runs. Safe for concurrent use.
type Controllers interface {
	// Follows returns the mode, and the catalogue where that is not controllers.Off.
	Follows() (controllers.Mode, *controllers.Catalogue)
	// Short is told what was done in the mode controllers.Report although the catalogue
	// does not permit it. It must be quick.
	Short(q controllers.Question, lacks string)
}

// follows returns the mode and the catalogue; Off where there is none.
func (b *Broker) follows() (controllers.Mode, *controllers.Catalogue) {
	if b.Controllers == nil {
		return controllers.Off, nil
	}
	return b.Controllers.Follows()
}

// NotPermitted begins what is said of a refusal that follows from the catalogue.
const NotPermitted = "the controller catalogue does not permit it: "

// permit refuses what the controller catalogue does not permit, and says what is missing:
// of the asker's own rows alone. Where the catalogue is only reported on it refuses
// nothing.
func (b *Broker) permit(questions ...controllers.Question) error {
	mode, catalogue := b.follows()
	if mode == controllers.Off {
		return nil
	}
	var issues []refuse.Issue
	for _, q := range questions {
		q.At = b.Now()
		verdict := catalogue.Judge(q)
		switch {
		case verdict.Allowed:
		case mode == controllers.Report:
			b.Controllers.Short(q, verdict.Lacks)
		default:
			issues = append(issues, refuse.AccessDenied(NotPermitted+verdict.Lacks).Issues...)
		}
	}
	if len(issues) > 0 {
		return &refuse.Refusal{Status: refuse.AccessDenied("").Status, Issues: issues}
	}
	return nil
}

// mayPublish holds the publisher of an event against the catalogue. The Spine's own
// events need no row: they have no message set that an organisation could be given
// (NEMS Onboarding Guide 1.7, 4.5.1).
func (b *Broker) mayPublish(caller access.Caller, event string) error {
	return b.permit(controllers.Question{Organisation: caller.ODS, Role: controllers.Publisher, Event: event})
}

// consuming are the questions that a subscription raises: one for each event type, or
// for each of them and each grant that it needs.
func consuming(s *subscription.Subscription, grants ...string) (out []controllers.Question) {
	rule, code := controllers.RuleOf(s.Criteria)
	if len(grants) == 0 {
		grants = []string{""}
	}
	for _, event := range eventTypes(s.Criteria) {
		for _, grant := range grants {
			out = append(out, controllers.Question{
				Organisation: s.ODS, Role: controllers.Consumer, Event: event, Rule: rule, Code: code, Grant: grant,
			})
		}
	}
	return out
}

// eventTypes are the event types that criteria ask for, as rows of the catalogue name
// them. A type of the MNS counts as the NEMS's own that comes under it.
func eventTypes(c subscription.Criteria) (out []string) {
	for _, code := range c.EventCodes() {
		if _, atMNS := subscription.PublishedAtMNS(code); !atMNS {
			out = append(out, code)
		}
	}
	if len(out) == 0 && c.MNS.Type != "" {
		out = append(out, c.MNS.Type)
	}
	return out
}

// mayHave refuses a subscription that the catalogue does not permit.
func (b *Broker) mayHave(ctx context.Context, s *subscription.Subscription) error {
	if mode, _ := b.follows(); mode == controllers.Off {
		return nil
	}
	grants, err := b.Grants(ctx, s.Mailbox)
	if err != nil {
		return err
	}
	return b.permit(consuming(s, grants...)...)
}

// MayHave says why the catalogue does not permit a subscription, as a *refuse.Refusal.
func (b *Broker) MayHave(ctx context.Context, s subscription.Subscription) error {
	return b.mayHave(ctx, &s)
}

// MayRead refuses to let events of a subscription be read as a stream, in pages or by
// their old numbers.
func (b *Broker) MayRead(s subscription.Subscription) error {
	return b.permit(consuming(&s, controllers.GrantStream)...)
}

// MayReplay refuses a replay that reaches back further than the catalogue permits, or
// that goes where copies may not.
func (b *Broker) MayReplay(ctx context.Context, s subscription.Subscription, to string, first store.EventID) error {
	if mode, _ := b.follows(); mode == controllers.Off {
		return nil
	}
	questions := consuming(&s, controllers.GrantReplay)
	for i := range questions {
		questions[i].Back = b.Now().Sub(b.Journal.Moment(first))
	}
	if to != "" {
		grants, err := b.Grants(ctx, to)
		if err != nil {
			return err
		}
		if len(grants) > 0 {
			questions = append(questions, consuming(&s, grants...)...)
		}
	}
	return b.permit(questions...)
}

// Grants are what a mailbox or an endpoint needs beyond copies in a MESH mailbox.
func (b *Broker) Grants(ctx context.Context, mailbox string) ([]string, error) {
	if b.planned != nil {
		return b.planned, nil
	}
	box, err := b.Mailboxes.Mailbox(ctx, mailbox)
	if errors.Is(err, store.ErrNotFound) || err == nil && !box.Remote {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, err := b.Numbers.Endpoint(ctx, box.Row)
	if errors.Is(err, store.ErrNotFound) { // a mailbox of a remote MESH
		return nil, nil
	}
	return GrantsOf(e), err
}

// GrantsOf are what copies to an endpoint need.
func GrantsOf(e store.Endpoint) (out []string) {
	switch e.Channel {
	case store.WebhookChannel, store.RestHookChannel:
		out = []string{controllers.GrantWebhook}
	case store.StreamChannel:
		return []string{controllers.GrantStream}
	case store.QueueChannel:
		return []string{controllers.GrantQueue}
	}
	// The members by which webhooks carry whole messages.
	var hook struct {
		Form     string `json:"form"`
		RestHook struct {
			Content string `json:"content"`
		} `json:"restHook"`
	}
	if len(out) > 0 && json.Unmarshal(e.Value, &hook) == nil && (hook.Form == "message" || hook.RestHook.Content == "full-resource") {
		out = append(out, controllers.GrantFull)
	}
	return out
}

// Verdict is what the catalogue says of a subscription that is there.
type Verdict struct {
	Row   string // the id of the row that permits it, or comes nearest to that; "" for none
	Lacks string // "" if it is permitted
}

// Standing judges a subscription to an endpoint that needs some grants, by a catalogue.
// One event type that is not permitted decides: the specification refuses a subscription
// as a whole, too.
func Standing(c *controllers.Catalogue, s *subscription.Subscription, grants []string, at time.Time) (out Verdict) {
	for _, q := range consuming(s, grants...) {
		q.At = at
		v := c.Judge(q)
		out.Row = ""
		if v.Row != nil {
			out.Row = v.Row.ID()
		}
		if !v.Allowed {
			out.Lacks = v.Lacks
			return out
		}
	}
	return out
}

// ofMNS is the event type of the NEMS under which a row of the catalogue permits to
// publish a type at the MNS's API.
func (b *Broker) ofMNS(eventType string) string {
	for _, t := range b.Catalogue().Types() {
		if subscription.MNSType(t.Code) == eventType {
			return t.Code
		}
	}
	return eventType
}
