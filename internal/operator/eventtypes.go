package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/store"
)

// dateForm is how dates are written: that of ISO 8601.
const dateForm = time.DateOnly

// LifeCycle is the life cycle of an event type as it is written down and
// stored: rename no member. Dates have the form 2026-03-31; "" is not known.
type LifeCycle struct {
	State             catalogue.State `json:"state"`
	Deprecated        string          `json:"deprecated,omitempty"`
	NoLongerSupported string          `json:"noLongerSupported,omitempty"`
	Withdrawn         string          `json:"withdrawn,omitempty"`
	URL               string          `json:"url,omitempty"`
}

// EventType is an event type as the list shows it.
type EventType struct {
	Code       string               `json:"code"`
	Display    string               `json:"display"`
	Workflow   string               `json:"workflow"`
	Publishers catalogue.Publishers `json:"publishers"`
	LifeCycle
}

// parse reads the dates: ErrInvalid for one that is none.
func (l LifeCycle) parse() (catalogue.LifeCycle, error) {
	out := catalogue.LifeCycle{State: l.State, URL: l.URL}
	for _, d := range []struct {
		name, text string
		into       *time.Time
	}{{"deprecated", l.Deprecated, &out.Deprecated}, {"no-longer-supported", l.NoLongerSupported, &out.NoLongerSupported}, {"withdrawn", l.Withdrawn, &out.Withdrawn}} {
		if d.text == "" {
			continue
		}
		at, err := time.Parse(dateForm, d.text)
		if err != nil {
			return out, invalid("%s: expected a date such as 2026-03-31", d.name)
		}
		*d.into = at
	}
	return out, nil
}

// check says what is wrong with a life cycle that is about to be set:
// ErrInvalid.
func (l LifeCycle) check() error {
	life, err := l.parse()
	if err != nil {
		return err
	}
	if err := life.Check(); err != nil {
		return invalid("%v", err)
	}
	return nil
}

// DecodeLifeCycle reads a life cycle as the store keeps it. One that could not be
// set today is read all the same: it may have been set by an earlier version.
func DecodeLifeCycle(row store.LifeCycle) (catalogue.LifeCycle, error) {
	var l LifeCycle
	if err := json.Unmarshal(row.Value, &l); err != nil {
		return catalogue.LifeCycle{}, fmt.Errorf("the life cycle of event type %s cannot be read: %w", row.Code, err)
	}
	return l.parse()
}

// writeLifeCycle turns a life cycle back into its written form.
func writeLifeCycle(l catalogue.LifeCycle) LifeCycle {
	date := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(dateForm)
	}
	return LifeCycle{State: l.State, Deprecated: date(l.Deprecated), NoLongerSupported: date(l.NoLongerSupported), Withdrawn: date(l.Withdrawn), URL: l.URL}
}

// EventTypes lists the event types by code, each with its life cycle as of now.
func (d Desk) EventTypes(ctx context.Context) ([]EventType, error) {
	types, err := d.types(ctx)
	if err != nil {
		return nil, err
	}
	var out []EventType
	for _, t := range types.Types() {
		out = append(out, EventType{Code: t.Code, Display: t.Display, Workflow: t.Workflow, Publishers: t.Publishers, LifeCycle: writeLifeCycle(t.LifeCycle)})
	}
	return out, nil
}

// types reads the stored life cycles itself: what was just set must show.
func (d Desk) types(ctx context.Context) (*catalogue.Catalogue, error) {
	rows, err := d.Store.LifeCycles(ctx)
	if err != nil {
		return nil, err
	}
	changed := make(map[string]catalogue.LifeCycle, len(rows))
	for _, row := range rows {
		if changed[row.Code], err = DecodeLifeCycle(row); err != nil {
			return nil, err
		}
	}
	return d.Types().WithLifeCycles(changed), nil
}

// SetLifeCycle moves an event type to another state, in force on every node
// within a second. Subscriptions that there are keep working (NEMS, "Event
// Lifecycle and Deprecation"). ErrInvalid for a life cycle that cannot be
// right, store.ErrNotFound for an unknown code.
func (d Desk) SetLifeCycle(ctx context.Context, code string, l LifeCycle) error {
	if err := l.check(); err != nil {
		return err
	}
	if _, known := d.Types().Type(code); !known {
		return named(store.ErrNotFound, "event type", code)
	}
	value, err := json.Marshal(l)
	if err != nil {
		return err
	}
	entry := d.entry(audit.ActionSetEventType, string(l.State))
	entry.EventType = code
	return d.Store.PutLifeCycle(ctx, store.LifeCycle{Code: code, Value: value}, entry)
}
