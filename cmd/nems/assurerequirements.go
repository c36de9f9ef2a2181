package main

import (
	"os"

	"nems/internal/assure/requirements"
)

// assureRequirementsCmd lists the requirements of the specification.
type assureRequirementsCmd struct {
	Actor   string `enum:"nems,publisher,subscriber,receiver,all" default:"all" env:"-" help:"Those that this one has to meet: nems (the service), publisher, subscriber, receiver or all."`
	Verdict string `enum:"tested,not-testable,deviates,untested,all" default:"all" env:"-" help:"Those of this verdict: tested, not-testable (by a machine), deviates, untested or all."`
	Format  string `enum:"table,json,csv" default:"table" help:"table, json, or csv (for spreadsheets)."`
}

// listedRequirement is a requirement in JSON, with what is known about it.
type listedRequirement struct {
	requirements.Requirement
	Verdict requirements.Verdict `json:"verdict"`
}

// Run prints them, in the order of docs/conformance.md.
func (c *assureRequirementsCmd) Run() error {
	groups, err := requirements.All()
	if err != nil {
		return err
	}
	verdict := requirements.Verdict(c.Verdict)
	if c.Verdict == "not-testable" {
		verdict = requirements.NotTestable
	}
	chosen := requirements.Select(groups, func(r *requirements.Requirement) bool {
		return (c.Actor == "all" || r.Actor == requirements.Actor(c.Actor)) && (c.Verdict == "all" || r.Verdict() == verdict)
	})
	switch c.Format {
	case "csv":
		return requirements.WriteCSV(os.Stdout, chosen)
	case "json":
		listed := []listedRequirement{}
		for _, r := range chosen {
			listed = append(listed, listedRequirement{r, r.Verdict()})
		}
		return printJSON(listed)
	}
	var rows [][]string
	for _, r := range chosen {
		rows = append(rows, []string{r.ID, string(r.Actor), string(r.Level), string(r.Verdict()), r.Says})
	}
	return printTable("ID ACTOR LEVEL VERDICT SAYS", rows)
}
