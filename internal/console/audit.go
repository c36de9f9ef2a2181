package console

import (
	"net/http"
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
		f, err := auditFilter(v)
		if err != nil {
			return operator.Page[operator.Record]{}, err
		}
		return whole(operator.SearchAudit.Do(v, v.Desk, search(v, f)))
	}
	p.act = func(*visit) (outcome, error) { return outcome{}, nil }
	p.download = func(v *visit, w http.ResponseWriter) error {
		f, err := auditFilter(v)
		if err != nil {
			return err
		}
		entries := upTo(mostExported, operator.Each(v, v.Desk, operator.SearchAudit, operator.Matching(f)))
		return export(v, w, "audit", masking(v, entries, func(r *operator.Record) *string { return &r.Patient }), operator.WriteAuditCSV)
	}
	return p
}

// auditSearch is what somebody chose in the form: any text.
type auditSearch struct{ Action string }

// auditFilter reads the form of a search: by itself the last day.
func auditFilter(v *visit) (f operator.Filter, err error) {
	asked := auditSearch{Action: v.text("action")}
	f = operator.Filter{
		ASID: nhs.ASID(v.text("asid")), Patient: strings.ReplaceAll(v.text("patient"), " ", ""),
		Action: audit.Action(asked.Action), Outcome: v.text("outcome"), Request: strings.TrimSpace(v.text("request")), Newest: true,
	}
	if f.From, f.To, err = between(v); err == nil && v.text("from") == "" && v.text("to") == "" {
		f.From = v.Now().Add(-24 * time.Hour)
	}
	return f, err
}

// between reads the moments of a form, in UTC; zero for none.
func between(v *visit) (from, to time.Time, err error) {
	for _, field := range []struct {
		name string
		into *time.Time
	}{{"from", &from}, {"to", &to}} {
		text := v.text(field.name)
		if text == "" {
			continue
		}
		form := time.DateOnly
		for _, finer := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
			if len(text) == len(finer) {
				form = finer
			}
		}
		if *field.into, err = time.Parse(form, text); err != nil {
			return from, to, &operator.Error{Code: operator.Invalid, Field: field.name, Message: field.name + ": expected a date and a time, such as 2026-03-31T12:00"}
		}
	}
	return from, to, nil
}

// Actions are the choices of a search of the audit.
func (frame) Actions() []audit.Action { return audit.Actions }

// verified shows what verifying the audit has shown.
func (c *Console) verified() page {
	p := page{path: "audit/verify", title: "Verify the audit", within: "Audit", role: operator.Governance, file: "verify.html"}
	p.read = func(v *visit) (any, error) {
		if v.text("look") == "" {
			return (*operator.AuditVerified)(nil), nil
		}
		report, err := operator.VerifyAudit.Do(v, v.Desk, operator.None{})
		if err != nil {
			return (*operator.AuditVerified)(nil), err
		}
		return &report, nil
	}
	p.act = func(*visit) (outcome, error) { return outcome{}, nil }
	return p
}
