package devworld

import (
	"time"

	"nems/internal/controllers"
	"nems/internal/nhs"
	"nems/internal/subscription"
)

// Controllers returns the controller catalogue of the world: its publisher
// publishes, and its subscribers receive, events of all types that are given, by
// every rule and channel. The Spine's own system needs no row.
func Controllers(published, received []string) (rows []controllers.Row) {
	day := func(year int) controllers.Date {
		return controllers.DateOf(time.Date(year, time.April, 1, 0, 0, 0, 0, time.UTC))
	}
	row := func(organisation nhs.ODSCode, role controllers.Role, event, purpose string) controllers.Row {
		return controllers.Row{
			Organisation: organisation, Role: role, Event: event, Status: controllers.Live, Purpose: purpose,
			Basis: controllers.Basis{Code: "direct-care"}, Decided: controllers.Decided{By: "the development world", On: day(2018), Review: day(2099)},
		}
	}
	for _, event := range published {
		rows = append(rows, row("A83627", controllers.Publisher, event, "telling others who care for the patient"))
	}
	for _, organisation := range []nhs.ODSCode{"RR8", "X26"} {
		for _, event := range received {
			r := row(organisation, controllers.Consumer, event, "keeping the records of patients in its care up to date")
			r.Scope = controllers.Scope{
				Rules: []string{controllers.RuleExplicit, subscription.RulePractice, subscription.RuleSubICBOfGP, subscription.RuleSubICBPostcode, subscription.RuleLocalAuthority, subscription.RuleCountry, subscription.RuleEverybody},
				Codes: []string{"*"},
			}
			r.Grants = []string{"mesh", controllers.GrantWebhook, controllers.GrantStream, controllers.GrantQueue, controllers.GrantFull, controllers.GrantReplay}
			rows = append(rows, r)
		}
	}
	return rows
}
