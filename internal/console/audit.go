package console

import (
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/operator"
)

// audit searches the record of who did what. The search travels in a form, never
// in a URL, since it may name a patient; and it is itself recorded.
func (c *Console) audit() page {
	p := page{path: "audit", title: "Audit", role: operator.Governance, file: "audit.html"}
	p.read = func(v *visit) (any, error) {
		if v.text("look") == "" {
			return operator.Page[operator.Record]{}, nil
		}
		from, err := since(v, 24*time.Hour)
		if err != nil {
			return operator.Page[operator.Record]{}, err
		}
		asked := auditSearch{ASID: v.text("asid"), Patient: v.text("patient"), Action: v.text("action"), Outcome: v.text("outcome")}
		return whole(operator.SearchAudit.Do(v, v.Desk, search(v, operator.Filter{
			From: from, ASID: nhs.ASID(asked.ASID), Patient: strings.ReplaceAll(asked.Patient, " ", ""),
			Action: audit.Action(asked.Action), Outcome: asked.Outcome, Newest: true,
		})))
	}
	p.act = func(*visit) (outcome, error) { return outcome{}, nil }
	return p
}

// auditSearch is what somebody typed into the form: any text.
type auditSearch struct{ ASID, Patient, Action, Outcome string }
