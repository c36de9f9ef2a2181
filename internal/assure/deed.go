package assure

import (
	"context"
	"time"

	"nems/internal/catalogue"
	"nems/internal/demographics"
	"nems/internal/operator"
)

// Deed is done to the service before a step.
type Deed struct {
	Says string
	// Do does it, and returns what puts it back; nil if nothing has to be.
	Do func(ctx context.Context, r *Run, s *Step) (back func(context.Context) error, err error)
	// Person is what it makes of the step's patient; nil if nothing.
	Person func(Person) Person
}

// deeds are the deeds, by their names in plans.
var deeds = map[string]Deed{
	"deprecate":   {Says: "The event type becomes deprecated.", Do: deprecate},
	"change-name": {Says: "The patient's family name changes at PDS.", Do: changeName, Person: renamed},
}

// deprecate moves the step's event type to the state deprecated.
func deprecate(ctx context.Context, r *Run, s *Step) (func(context.Context) error, error) {
	now := r.Service.Now()
	set := func(ctx context.Context, l operator.LifeCycle) error {
		_, err := operator.SetLifeCycle.Do(ctx, r.Service.Desk, operator.LifeCycleOf{Code: s.Event.Code, LifeCycle: l})
		return err
	}
	err := set(ctx, operator.LifeCycle{
		State: catalogue.Deprecated, Deprecated: now.Format(time.DateOnly), NoLongerSupported: now.AddDate(0, 6, 0).Format(time.DateOnly),
		URL: "https://example.nhs.uk/events/" + s.Event.Code,
	})
	return func(ctx context.Context) error { return set(ctx, operator.LifeCycle{State: catalogue.Current}) }, err
}

// newName is what people are called after their name has changed.
const newName = "Renamed-Specimen"

func renamed(p Person) Person {
	p.Family = newName
	return p
}

// changeName gives the step's patient another family name at PDS. The service's own
// events about that are published, too.
func changeName(ctx context.Context, r *Run, s *Step) (func(context.Context) error, error) {
	set := func(ctx context.Context, family string) error {
		_, err := operator.ChangeRecord.Do(ctx, r.Service.Desk, operator.RecordChange{Patient: s.Current.NHSNumber, Edit: demographics.Edit{Family: family}})
		return err
	}
	before := s.Before.Family
	return func(ctx context.Context) error { return set(ctx, before) }, set(ctx, newName)
}
