package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/replay"
	"nems/internal/store"
	"nems/internal/subscription"
)

// ReplayWish asks for the events of a subscription again.
type ReplayWish struct {
	Subscription string `json:"subscription"`
	From         string `json:"from" jsonschema:"oldest, the number of an event in the subscription's count, or a moment (RFC 3339)"`
	Until        string `json:"until,omitempty" jsonschema:"a number or a moment; without it up to now. Both bounds belong to the range"`
	Mode         string `json:"mode,omitempty" jsonschema:"all (the default), or latest: of each thing the newest event alone"`
	To           string `json:"to,omitempty" jsonschema:"another mailbox or endpoint of the same organisation"`
	Rate         int    `json:"rate,omitempty" jsonschema:"copies a second, at most: 1 to 10,000, by default 500"`
	Earlier      bool   `json:"earlier,omitempty" jsonschema:"also from before the subscription's start, as it would have matched then: needs the role governance too"`
	Basis        string `json:"basis" jsonschema:"why it may be done: 1 to 200 characters on one line that name no patient; the audit keeps it, and the owner reads it"`
}

func (w ReplayWish) wish() replay.Wish {
	return replay.Wish{From: w.From, Until: w.Until, Mode: store.ReplayMode(w.Mode), To: w.To, Rate: w.Rate, Basis: w.Basis, Earlier: w.Earlier}
}

// Replay is a replay as operators see it: counts, and nothing of a patient.
type Replay struct {
	ID           string            `json:"id"`
	Subscription string            `json:"subscription"`
	ODS          nhs.ODSCode       `json:"ods"`
	To           string            `json:"to,omitempty"` // the mailbox or endpoint that gets the copies
	From         time.Time         `json:"from"`
	Until        time.Time         `json:"until"`
	Reached      time.Time         `json:"reached,omitzero"` // the acceptance of what was looked at last
	Mode         store.ReplayMode  `json:"mode"`
	State        store.ReplayState `json:"state"`
	Rate         int               `json:"rate"`
	Earlier      bool              `json:"earlier,omitempty"` // granted from before the subscription's start
	Of           int64             `json:"of"`                // copies that there are to look at
	Sent         int64             `json:"sent"`
	Withheld     int64             `json:"withheld,omitempty"` // flagged then, or today
	Expired      int64             `json:"expired,omitempty"`  // the message is no longer kept
	Passed       int64             `json:"passed,omitempty"`   // still waiting, parked, or corrected by a later event
	Basis        string            `json:"basis"`
	Who          string            `json:"who"`
	Began        time.Time         `json:"began"`
	Ended        time.Time         `json:"ended,omitzero"`
	Reason       string            `json:"reason,omitempty"` // why it failed
}

// newReplay shows a replay.
func (d Desk) newReplay(ctx context.Context, r store.Replay) (Replay, error) {
	out := Replay{ID: r.ID, Subscription: r.Subscription.String(), ODS: r.ODS, From: d.Store.Moment(r.First), Until: d.Store.Moment(r.Mark), Mode: r.Mode,
		State: r.State, Rate: r.Rate, Earlier: r.Earlier, Of: r.Counts.Of, Sent: r.Counts.Sent, Withheld: r.Counts.Withheld, Expired: r.Counts.Expired, Passed: r.Counts.Passed,
		Basis: r.Basis, Who: r.Who, Began: r.Began, Ended: r.Ended, Reason: r.Reason}
	if r.Cursor >= r.First {
		out.Reached = d.Store.Moment(r.Cursor)
	}
	target, err := d.addressOf(ctx, r.Target)
	out.To = target
	return out, err
}

// addressOf is the id of the mailbox or endpoint with a row.
func (d Desk) addressOf(ctx context.Context, row int64) (string, error) {
	e, err := d.Store.Endpoint(ctx, row)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return e.Mailbox.ID, err
	}
	boxes, err := d.Store.MailboxesAfter(ctx, row-1, 1)
	if err != nil || len(boxes) == 0 || boxes[0].Row != row {
		return "", err
	}
	return boxes[0].ID, nil
}

// planReplay makes a replay of a wish.
func (d Desk) planReplay(ctx context.Context, w ReplayWish) (s subscription.Subscription, r store.Replay, err error) {
	if w.Earlier { // the owner had no right to it then
		if err := d.may(Governance); err != nil {
			return s, r, err
		}
	}
	id, err := subscription.ParseID(w.Subscription)
	if err != nil {
		return s, r, invalid("subscription", "subscription: %s", err)
	}
	if s, err = d.Store.Subscription(ctx, id); err != nil {
		return s, r, named(err, "subscription", w.Subscription)
	}
	r, err = replay.Plan(ctx, d.Store, s, w.wish(), d.Now())
	if err == nil && d.MayReplay != nil {
		err = unpermitted("subscription", s.ID, d.MayReplay(ctx, s, w.To, r.First))
	}
	return s, r, replayError(err)
}

// startReplay starts one. Conflict when the subscription has one that is not over,
// is not active, or when the range begins before what is kept.
func (d Desk) startReplay(ctx context.Context, w ReplayWish) (none Replay, err error) {
	s, r, err := d.planReplay(ctx, w)
	if err != nil {
		return none, err
	}
	r.Who = d.User
	entry := d.entry(audit.ActionStartReplay, "")
	entry.ASID, entry.ODS, entry.Mailbox, entry.Patient, entry.Reason = s.ASID, s.ODS, s.Mailbox, s.Criteria.Patient, fmt.Sprintf("subscription %s; basis: %s", s.ID, r.Basis)
	if r.Earlier {
		entry.Reason += "; granted from before its start"
	}
	if r, err = d.Store.StartReplay(ctx, r, entry); err != nil {
		return none, replayError(err)
	}
	return d.newReplay(ctx, r)
}

// ReplayTally is what a dry run tells: how many copies there are, and of which types
// on which days.
type ReplayTally struct {
	Total   int64       `json:"total"`
	Waiting int64       `json:"waiting" jsonschema:"further copies that come by themselves: they wait already"`
	Days    []ReplayDay `json:"days"`
}

// ReplayDay is one event type on one day.
type ReplayDay struct {
	Date      string `json:"date"`
	EventType string `json:"eventType"`
	Copies    int64  `json:"copies"`
	Waiting   int64  `json:"waiting" jsonschema:"further copies that wait already"`
}

func (d Desk) tryReplay(ctx context.Context, w ReplayWish) (out ReplayTally, err error) {
	_, r, err := d.planReplay(ctx, w)
	if err != nil {
		return out, err
	}
	tally, err := replay.Count(ctx, d.Store, r, d.Store.Moment)
	out = ReplayTally{Total: tally.Total, Waiting: tally.Waiting, Days: []ReplayDay{}}
	for _, day := range tally.Days {
		out.Days = append(out.Days, ReplayDay{day.Date, day.Code, day.Copies, day.Waiting})
	}
	return out, err
}

// ReplayFilter selects replays.
type ReplayFilter struct {
	Subscription string `json:"subscription,omitempty"`
}

// replays lists them, the newest first.
func (d Desk) replays(ctx context.Context, s Search[ReplayFilter]) (none Page[Replay], err error) {
	l, err := list[string](d, "replays", s.Filter, s.Paging)
	if err != nil {
		return none, err
	}
	var of subscription.ID
	if s.Filter.Subscription != "" {
		if of, err = subscription.ParseID(s.Filter.Subscription); err != nil {
			return none, invalid("subscription", "subscription: %s", err)
		}
	}
	rows, err := d.Store.Replays(ctx, of, l.after, l.limit+1)
	if err != nil {
		return none, err
	}
	found, err := page(l, rows, func(r store.Replay) string { return r.ID })
	return shown(found, err, func(r store.Replay) (Replay, error) { return d.newReplay(ctx, r) })
}

// ReplayRef names a replay.
type ReplayRef struct {
	ID string `path:"id"`
}

func (d Desk) showReplay(ctx context.Context, ref ReplayRef) (none Replay, err error) {
	r, err := d.Store.Replay(ctx, ref.ID)
	if err != nil {
		return none, named(err, "replay", ref.ID)
	}
	return d.newReplay(ctx, r)
}

// ReplayChange is what is to be done to a replay.
type ReplayChange struct {
	ID   string      `path:"id"`
	Deed replay.Deed `path:"deed"`
	Rate int         `query:"rate" jsonschema:"with pace: copies a second"`
}

var replayActions = map[replay.Deed]audit.Action{
	replay.Pause: audit.ActionPauseReplay, replay.Resume: audit.ActionResumeReplay, replay.Cancel: audit.ActionCancelReplay, replay.Pace: audit.ActionPaceReplay,
}

// changeReplay pauses, resumes, cancels or paces a replay. What was sent stays sent.
func (d Desk) changeReplay(ctx context.Context, c ReplayChange) (none Replay, err error) {
	action, known := replayActions[c.Deed]
	if !known {
		return none, expected("deed", "pause, resume, cancel or pace", string(c.Deed))
	}
	r, err := d.Store.Replay(ctx, c.ID)
	if err != nil {
		return none, named(err, "replay", c.ID)
	}
	entry := d.entry(action, r.ID)
	entry.ODS, entry.Reason = r.ODS, fmt.Sprintf("subscription %s; basis: %s", r.Subscription, r.Basis)
	if s, err := d.Store.Subscription(ctx, r.Subscription); err == nil {
		entry.Mailbox, entry.Patient = s.Mailbox, s.Criteria.Patient
	}
	if err := replay.Do(ctx, d.Store, c.ID, c.Deed, c.Rate, entry); err != nil {
		return none, replayError(err)
	}
	return d.showReplay(ctx, ReplayRef{c.ID})
}

// replayError converts what package replay says.
func replayError(err error) error {
	var wish *replay.WishError
	var state *replay.StateError
	var gone *replay.GoneError
	var running *store.ReplayingError
	switch {
	case errors.As(err, &wish):
		return expected(wish.Field, wish.Expected, "another value")
	case errors.As(err, &state), errors.As(err, &gone), errors.As(err, &running):
		return conflict("%s", err)
	}
	return err
}
