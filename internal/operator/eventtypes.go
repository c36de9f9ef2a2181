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

// parse reads the dates: Invalid for a text that is no date.
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
			return out, expected(d.name, "a date such as 2026-03-31", d.text)
		}
		*d.into = at
	}
	return out, nil
}

// check says what is wrong with a life cycle that is about to be set: Invalid.
func (l LifeCycle) check() error {
	life, err := l.parse()
	if err != nil {
		return err
	}
	if err := life.Check(); err != nil {
		return invalid("", "%v", err)
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

// eventTypes lists the event types by code, each with its life cycle as of now.
func (d Desk) eventTypes(ctx context.Context, p Paging) (none Page[EventType], err error) {
	l, err := list[string](d, "event types", nil, p)
	if err != nil {
		return none, err
	}
	types, err := d.types(ctx)
	if err != nil {
		return none, err
	}
	var out []EventType
	for _, t := range types.Types() { // by code
		if t.Code > l.after {
			out = append(out, EventType{Code: t.Code, Display: t.Display, Workflow: t.Workflow, Publishers: t.Publishers, LifeCycle: writeLifeCycle(t.LifeCycle)})
		}
	}
	return page(l, out, func(t EventType) string { return t.Code })
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

// LifeCycleOf is a life cycle for an event type.
type LifeCycleOf struct {
	Code      string `path:"code"`
	LifeCycle `body:""`
}

// setLifeCycle moves an event type to another state, in force on every node
// within a second. Subscriptions that there are keep working (NEMS, "Event
// Lifecycle and Deprecation"). Invalid for a life cycle that cannot be right,
// NotFound for an unknown code.
func (d Desk) setLifeCycle(ctx context.Context, l LifeCycleOf) (none None, err error) {
	if err := l.check(); err != nil {
		return none, err
	}
	if _, known := d.Types().Type(l.Code); !known {
		return none, named(store.ErrNotFound, "event type", l.Code)
	}
	value, err := json.Marshal(l.LifeCycle)
	if err != nil {
		return none, err
	}
	entry := d.entry(audit.ActionSetEventType, string(l.State))
	entry.EventType = l.Code
	return none, d.Store.PutLifeCycle(ctx, store.LifeCycle{Code: l.Code, Value: value}, entry)
}
