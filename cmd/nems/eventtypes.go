package main

import (
	"context"
	"fmt"

	"nems/internal/catalogue"
	"nems/internal/operator"
)

// eventTypesCmd moves event types through their life cycle.
type eventTypesCmd struct {
	List listEventTypes `cmd:"" help:"List the event types and where they are in their life cycle."`
	Set  setEventType   `cmd:"" help:"Move an event type to another state, within a second; existing subscriptions keep working."`
}

type listEventTypes struct {
	operated
	formatted
}

// Run prints all event types.
func (l *listEventTypes) Run(ctx context.Context) error {
	return l.with(func(d operator.Face) error {
		types, err := operator.All(ctx, d, operator.ListEventTypes, operator.Paging{})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, t := range types {
			rows = append(rows, []string{t.Code, string(t.State), orDash(t.Deprecated), orDash(t.NoLongerSupported), orDash(t.Withdrawn), string(t.Publishers), t.Workflow, t.URL})
		}
		return l.print(types, "CODE STATE DEPRECATED UNSUPPORTED WITHDRAWN PUBLISHERS WORKFLOW URL", rows)
	})
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type setEventType struct {
	Code              string  `arg:"" help:"Event code, such as vaccinations-1."`
	State             string  `enum:",current,deprecated,no-longer-supported,withdrawn" default:"" env:"-" help:"current, deprecated, no-longer-supported or withdrawn; current forgets the dates."`
	Deprecated        *string `placeholder:"DATE" env:"-" help:"When it was or will be deprecated, such as 2026-03-31."`
	NoLongerSupported *string `placeholder:"DATE" env:"-" help:"When it stops being open to new subscriptions."`
	Withdrawn         *string `placeholder:"DATE" env:"-" help:"When it stops being open to publishing."`
	Page              *string `name:"url" placeholder:"URL" env:"-" help:"Page for people about the change."`
	operated
}

// Run changes what the flags say and leaves the rest as it is.
func (s *setEventType) Run(ctx context.Context) error {
	return s.with(func(d operator.Face) error {
		types, err := operator.All(ctx, d, operator.ListEventTypes, operator.Paging{})
		if err != nil {
			return err
		}
		for _, t := range types {
			if t.Code != s.Code {
				continue
			}
			life := s.apply(t.LifeCycle)
			if err := operator.SetLifeCycle.Run(ctx, d, operator.LifeCycleOf{Code: s.Code, LifeCycle: life}); err != nil {
				return err
			}
			fmt.Fprintf(stdout(), "%s is %s\n", s.Code, life.State)
			return nil
		}
		return fmt.Errorf("there is no event type %s: nems event-types list shows them", s.Code)
	})
}

// apply applies the flags to a life cycle. A type that is current again has no
// dates and no page.
func (s *setEventType) apply(l operator.LifeCycle) operator.LifeCycle {
	if s.State != "" {
		l.State = catalogue.State(s.State)
	}
	if s.State == string(catalogue.Current) {
		l = operator.LifeCycle{State: l.State}
	}
	for _, change := range []struct {
		from *string
		to   *string
	}{{s.Deprecated, &l.Deprecated}, {s.NoLongerSupported, &l.NoLongerSupported}, {s.Withdrawn, &l.Withdrawn}, {s.Page, &l.URL}} {
		if change.from != nil {
			*change.to = *change.from
		}
	}
	return l
}
