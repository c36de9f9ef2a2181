package broker

import (
	"context"
	"errors"
	"fmt"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/refuse"
	"nems/internal/replay"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Replay starts a replay of a subscription of the caller's organisation: the
// events that it had go to its mailbox or endpoint again, or to another of the
// same organisation. It returns as soon as the replay is on disk.
func (b *Broker) Replay(ctx context.Context, caller access.Caller, id string, w replay.Wish) (store.Replay, error) {
	s, r, err := b.planReplay(ctx, caller, id, w)
	if err != nil {
		return r, err
	}
	r.Who = caller.User
	r, err = b.Replays.StartReplay(ctx, r, b.replayEntry(caller, audit.ActionStartReplay, s, r.Basis))
	return r, replayRefusal(err)
}

// TryReplay is Replay without doing it: what there is, in numbers.
func (b *Broker) TryReplay(ctx context.Context, caller access.Caller, id string, w replay.Wish) (replay.Tally, error) {
	_, r, err := b.planReplay(ctx, caller, id, w)
	if err != nil {
		return replay.Tally{}, err
	}
	return replay.Count(ctx, b.Replays, r, b.Journal.Moment)
}

func (b *Broker) planReplay(ctx context.Context, caller access.Caller, id string, w replay.Wish) (s subscription.Subscription, r store.Replay, err error) {
	if s, err = b.Read(ctx, caller, id); err != nil {
		return s, r, err
	}
	w.Earlier = false // is an operator's to grant
	r, err = replay.Plan(ctx, b.Replays, s, w, b.Now())
	if err == nil {
		err = b.MayReplay(ctx, s, w.To, r.First)
	}
	return s, r, replayRefusal(err)
}

// mostReplays is how many replays a subscriber sees.
const mostReplays = 20

// ReplayStatus lists the latest replays of a subscription of the caller's
// organisation, the newest first; with an id that one alone.
func (b *Broker) ReplayStatus(ctx context.Context, caller access.Caller, id, replayID string) ([]store.Replay, error) {
	s, err := b.Read(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	if replayID == "" {
		return b.Replays.Replays(ctx, s.ID, "", mostReplays)
	}
	r, err := b.replayOf(ctx, s.ID, replayID)
	return []store.Replay{r}, err
}

// replayOf finds a replay of a subscription.
func (b *Broker) replayOf(ctx context.Context, s subscription.ID, id string) (store.Replay, error) {
	r, err := b.Replays.Replay(ctx, id)
	if err == nil && r.Subscription != s {
		err = store.ErrNotFound
	}
	if errors.Is(err, store.ErrNotFound) {
		return r, refuse.NoRecordFound("the subscription has no replay of this id")
	}
	return r, err
}

// CancelReplay cancels a replay of a subscription of the caller's organisation.
// What was sent by then stays sent.
func (b *Broker) CancelReplay(ctx context.Context, caller access.Caller, id, replayID string) error {
	s, err := b.Read(ctx, caller, id)
	if err != nil {
		return err
	}
	r, err := b.replayOf(ctx, s.ID, replayID)
	if err != nil {
		return err
	}
	entry := b.replayEntry(caller, audit.ActionCancelReplay, s, r.Basis)
	entry.Object = r.ID
	return replayRefusal(replay.Do(ctx, b.Replays, r.ID, replay.Cancel, 0, entry))
}

func (b *Broker) replayEntry(caller access.Caller, action audit.Action, s subscription.Subscription, basis string) audit.Entry {
	entry := Entry(caller, action)
	entry.At, entry.Patient, entry.Mailbox, entry.Status = b.Now(), s.Criteria.Patient, s.Mailbox, 200
	entry.Reason = fmt.Sprintf("subscription %s; basis: %s", s.ID, basis)
	return entry
}

// replayRefusal converts what package replay says to an answer.
func replayRefusal(err error) error {
	var wish *replay.WishError
	var state *replay.StateError
	var gone *replay.GoneError
	var running *store.ReplayingError
	switch {
	case errors.As(err, &wish):
		return refuse.BadRequest(wish.Error())
	case errors.As(err, &state):
		return refuse.InvalidRequestMessage(state.Error())
	case errors.As(err, &gone):
		return refuse.ReplayGone(gone.Error())
	case errors.As(err, &running):
		return refuse.ReplayRunning(running.ID)
	}
	return deleteRefusal(err)
}
