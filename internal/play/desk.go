package play

import (
	"context"
	"errors"

	"nems/internal/operator"
)

// Desk plays on the operators' desk of a service.
type Desk struct{ Face operator.Face }

// ShowClock implements Clock.
func (d Desk) ShowClock(ctx context.Context) (operator.ClockState, error) {
	return operator.ShowClock.Do(ctx, d.Face, operator.None{})
}

// SetClock implements Clock.
func (d Desk) SetClock(ctx context.Context, s operator.ClockSetting) (operator.ClockState, error) {
	return operator.SetClock.Do(ctx, d.Face, s)
}

// loadedAtOnce is how many records one request loads.
const loadedAtOnce = 1000

// LoadRecords implements Demographics.
func (d Desk) LoadRecords(ctx context.Context, all []operator.LoadedRecord) error {
	for len(all) > 0 {
		n := min(len(all), loadedAtOnce)
		if _, err := operator.LoadRecords.Do(ctx, d.Face, operator.RecordsToLoad{Records: all[:n]}); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// ChangeRecord implements Demographics.
func (d Desk) ChangeRecord(ctx context.Context, c operator.RecordChange) (operator.RecordChanged, error) {
	done, err := operator.ChangeRecord.Do(ctx, d.Face, c)
	return done, refusal(err)
}

// NotifyBirth implements Demographics.
func (d Desk) NotifyBirth(ctx context.Context, b operator.BirthToNotify) (operator.RecordChanged, error) {
	done, err := operator.NotifyBirth.Do(ctx, d.Face, b)
	return done.Changed, refusal(err)
}

// refusal tells what repeating does not help.
func refusal(err error) error {
	var said *operator.Error
	if errors.As(err, &said) && !said.Retryable() && said.Code != operator.UnknownOutcome && said.Code != operator.Internal {
		return &Refusal{err}
	}
	return err
}

// Accepted implements Counter.
func (d Desk) Accepted(ctx context.Context) (int64, error) {
	o, err := operator.ShowOverview.Do(ctx, d.Face, operator.Glance{Latest: 1})
	return o.Events.N, err
}

// Copies implements Counter. It looks from the newest event back until all ids are
// found; a play's events are the newest ones.
func (d Desk) Copies(ctx context.Context, ids map[string]int) (map[string]int64, error) {
	copies, missing := map[string]int64{}, 0
	for _, n := range ids {
		missing += n
	}
	search := operator.Matching(operator.EventFilter{})
	search.Limit = 1000
	for missing > 0 {
		page, err := operator.FindEvents.Do(ctx, d.Face, search)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Items {
			if ids[e.MessageID] > 0 {
				copies[e.EventType] += e.Copies
				missing--
			}
		}
		if search.After = page.Next; page.Next == "" {
			break
		}
	}
	return copies, nil
}
