package controllers

import (
	"slices"
	"strings"
	"time"

	"nems/internal/nhs"
)

// Bags returns the category bags (nhsascategorybag of the Spine Directory) that
// follow from an organisation's rows at t: which kinds of subscription it may
// create, which events they may name, which pointers it may have. Source: NEMS
// Onboarding Guide 1.7, 4.5.1. workflow gives an event type's workflow id, which
// is also its name there.
func (c *Catalogue) Bags(organisation nhs.ODSCode, workflow func(event string) string, t time.Time) (bags []string) {
	for _, rows := range c.of[organisation] {
		for _, r := range rows {
			if r.has(Consumer) && r.Lacks(t) == "" {
				bags = append(bags, r.bags(workflow)...)
			}
		}
	}
	slices.Sort(bags)
	return slices.Compact(bags)
}

func (r *Row) bags(workflow func(event string) string) []string {
	bags := []string{"NEMS_EVENT_ID:" + workflow(r.Event)}
	for _, rule := range r.Scope.Rules {
		if rule == RuleExplicit {
			bags = append(bags, "NEMS_SUBS_TYPE:EXPLICIT")
		} else {
			bags = append(bags, "NEMS_SUBS_TYPE:GENERIC")
		}
	}
	for _, grant := range r.Grants {
		if pointer, found := strings.CutPrefix(grant, "pointer-"); found {
			bags = append(bags, "NRL_POINTER_TYPE:"+pointer)
		}
	}
	return bags
}
