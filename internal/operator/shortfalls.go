package operator

import (
	"context"
	"fmt"
	"time"

	"nems/internal/controllers"
	"nems/internal/nhs"
)

// WouldRefuse is what the controller catalogue would have refused, had it been enforced.
type WouldRefuse struct {
	Organisation nhs.ODSCode      `json:"organisation"`
	Role         controllers.Role `json:"role"`
	Event        string           `json:"event"`
	Lacks        string           `json:"lacks" jsonschema:"what the catalogue lacks for it"`
	First        time.Time        `json:"first"`
	Last         time.Time        `json:"last"`
	Count        int64            `json:"count" jsonschema:"how often it was done all the same"`
}

// ControllerReport lists what the controller catalogue would have refused, the latest
// first.
type ControllerReport struct {
	Items []WouldRefuse `json:"items"`
}

// reportControllers lists what was done although the controller catalogue does not permit
// it, while it was only reported on.
func (d Desk) reportControllers(ctx context.Context, _ None) (out ControllerReport, err error) {
	out.Items = []WouldRefuse{}
	if d.NoteShortfalls != nil {
		if err := d.NoteShortfalls(ctx); err != nil {
			return out, err
		}
	}
	found, err := d.Store.Shortfalls(ctx)
	for _, s := range found {
		out.Items = append(out.Items, WouldRefuse{s.Organisation, controllers.Role(s.Role), s.Event, s.Lacks, s.First, s.Last, s.Count})
	}
	return out, err
}

// mostNoticed is how many rows of the controller catalogue are named.
const mostNoticed = 20

// concernedControllers names the rows of the controller catalogue that somebody should
// see to: evidence that has expired or soon will, and reviews that are late. Those with
// evidence that holds for the shortest time are first.
func (d Desk) concernedControllers(ctx context.Context, a *Attention) error {
	c, err := ReadControllers(ctx, d.Store)
	if err != nil {
		return err
	}
	urgent, later, left := []Concern{}, []Concern{}, 0
	for _, r := range c.Rows() {
		notice, days := r.Notice(a.At)
		if notice == "" {
			continue
		}
		one := Concern{Kind: ConcernCatalogue, Text: fmt.Sprintf("The controller catalogue, row %s: %s.", r.ID(), notice), Page: "catalogue?organisation=" + string(r.Organisation)}
		if e, expires := r.Expiry(); expires && days < 0 {
			one.Since = e.Expires.Midnight().AddDate(0, 0, 1)
		}
		switch {
		case len(urgent)+len(later) >= mostNoticed:
			left++
		case expiry(r) && controllers.Urgent(days):
			urgent = append(urgent, one)
		default:
			later = append(later, one)
		}
	}
	a.Concerns = append(a.Concerns, append(urgent, later...)...)
	a.add(ConcernCatalogue, left, "catalogue?noticed=1", "Another row of the controller catalogue needs somebody: nems catalogue list --noticed shows it.",
		"Other rows of the controller catalogue need somebody: nems catalogue list --noticed shows them.", time.Time{})
	return nil
}

// expiry reports whether a row has evidence that expires.
func expiry(r controllers.Row) bool {
	_, expires := r.Expiry()
	return expires
}
