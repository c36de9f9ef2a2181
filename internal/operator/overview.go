package operator

import (
	"context"
	"time"

	"nems/internal/nhs"
)

// Overview is the state of the service at one moment. It holds nothing about
// patients.
type Overview struct {
	At            time.Time        `json:"at"`
	Notices       []string         `json:"notices,omitempty" jsonschema:"what people should read before all else"`
	Events        Figure           `json:"events" jsonschema:"events that are kept"`
	Subscriptions Figure           `json:"subscriptions" jsonschema:"subscriptions that have not ended"`
	Waiting       Figure           `json:"waiting" jsonschema:"copies and messages that wait in the mailboxes shown"`
	Latest        []EventSummary   `json:"latest"`
	Mailboxes     []MailboxSummary `json:"mailboxes" jsonschema:"the first 100"`
	MoreMailboxes bool             `json:"moreMailboxes,omitempty"`
}

// Figure is how many there are of something, as far as that is known without
// counting all of it.
type Figure struct {
	N       int64 `json:"n"`
	About   bool  `json:"about,omitempty" jsonschema:"an estimate"`
	AtLeast bool  `json:"atLeast,omitempty" jsonschema:"there may be more"`
}

// EventSummary is one accepted event.
type EventSummary struct {
	Event     int64     `json:"event"`
	At        time.Time `json:"at" jsonschema:"when it was accepted"`
	Code      string    `json:"eventType"`
	Kind      string    `json:"kind"`
	Publisher nhs.ASID  `json:"publisher"`
	Copies    int       `json:"copies"`
	Withheld  bool      `json:"withheld,omitempty" jsonschema:"the patient's record is flagged: nothing flows"`
}

// MailboxSummary is one mailbox and what waits in it.
type MailboxSummary struct {
	ID      string      `json:"id"`
	Name    string      `json:"name,omitempty"`
	ODS     nhs.ODSCode `json:"ods"`
	Remote  bool        `json:"remote,omitempty"`
	Waiting Figure      `json:"waiting"`
	Oldest  time.Time   `json:"oldest,omitzero" jsonschema:"when the oldest of them came; missing when nothing waits"`
}

// Glance asks for an overview with the latest events, so many.
type Glance struct {
	Latest int `query:"latest" jsonschema:"how many of the latest events are shown: 1 to 1,000, by default 100"`
}

// overview looks at the service as a whole.
func (d Desk) overview(ctx context.Context, g Glance) (out Overview, err error) {
	latest, err := limited("latest", g.Latest)
	if err != nil {
		return out, err
	}
	o, err := d.Store.Overview(ctx, latest)
	if err != nil {
		return out, err
	}
	out = Overview{At: d.Now(), Events: Figure(o.Events), Subscriptions: Figure(o.Subscriptions), Waiting: Figure(o.Waiting),
		Latest: make([]EventSummary, len(o.Latest)), Mailboxes: make([]MailboxSummary, len(o.Mailboxes)), MoreMailboxes: o.MoreMailboxes}
	if d.Notices != nil {
		out.Notices = d.Notices()
	}
	for i, e := range o.Latest {
		out.Latest[i] = EventSummary{int64(e.Event), e.At, e.Code, e.Kind, e.Publisher, e.Copies, e.Withheld}
	}
	for i, m := range o.Mailboxes {
		out.Mailboxes[i] = MailboxSummary{m.ID, m.Name, m.ODS, m.Remote, Figure(m.Waiting), m.Oldest}
	}
	return out, nil
}
