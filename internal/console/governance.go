package console

import (
	"net/http"
	"strings"

	"nems/internal/nhs"
	"nems/internal/operator"
)

// rectification tells who had what was corrected or withdrawn, and who has to be told.
// Number and reason travel in a form, and are recorded.
func (c *Console) rectification() page {
	p := page{path: "governance/corrections", title: governanceTitle, role: operator.Governance, file: "corrections.html"}
	p.read = func(v *visit) (any, error) {
		if v.text("look") == "" {
			return correctionsPage{}, nil
		}
		found, err := operator.TellRectification.Do(v, v.Desk, rectificationQuestion(v))
		return correctionsPage{Told: err == nil, Rectifications: found}, err
	}
	p.act = func(*visit) (outcome, error) { return outcome{}, nil }
	p.download = func(v *visit, w http.ResponseWriter) error {
		if v.text("export") != "csv" {
			return errFormat
		}
		found, err := operator.TellRectification.Do(v, v.Desk, rectificationQuestion(v))
		if err != nil {
			return err
		}
		return csvFile(w, "corrections", func() error { return operator.WriteRectificationCSV(w, found) })
	}
	return p
}

// governanceTitle is the title of the pages of governance in the menu.
const governanceTitle = "Governance"

// csvFile hands out a table as a file.
func csvFile(w http.ResponseWriter, name string, write func() error) error {
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	return write()
}

// correctionsPage is what the page of corrections shows.
type correctionsPage struct {
	Told bool
	operator.Rectifications
}

// rectificationQuestion is an event or a patient, whichever is given.
func rectificationQuestion(v *visit) operator.RectificationQuestion {
	return operator.RectificationQuestion{
		Event: strings.TrimSpace(v.text("event")), Patient: strings.ReplaceAll(v.text("patient"), " ", ""), Reason: strings.TrimSpace(v.text("reason")),
	}
}

// retentionPage is what is kept for how long; Proof is nil where nobody asked for it.
type retentionPage struct {
	Types []operator.TypeRetention
	Proof *operator.RetentionProof
}

// retention shows how long events are kept, and looks for those that are kept too long.
func (c *Console) retention() page {
	p := page{path: "governance/retention", title: "Retention", within: governanceTitle, role: operator.Governance, file: "retention.html"}
	p.read = func(v *visit) (any, error) {
		found, err := operator.ShowRetention.Do(v, v.Desk, operator.None{})
		if err != nil || v.text("look") == "" {
			return retentionPage{Types: found.Items}, err
		}
		proof, err := operator.ProveRetention.Do(v, v.Desk, operator.RetentionQuestion{})
		return retentionPage{found.Items, &proof}, err
	}
	p.act = func(*visit) (outcome, error) { return outcome{}, nil }
	return p
}

// registerPage is the register of processing with what is due for review.
type registerPage struct {
	operator.Register
	Reviews     []operator.Review
	MoreReviews bool
}

// register shows who receives what and why.
func (c *Console) register() page {
	p := page{path: "governance/register", title: "Register and reviews", within: governanceTitle, role: operator.Viewer, file: "processing.html"}
	question := func(v *visit) operator.RegisterQuestion {
		return operator.RegisterQuestion{ODS: nhs.ODSCode(strings.ToUpper(strings.TrimSpace(v.text("ods"))))}
	}
	p.read = func(v *visit) (any, error) {
		q := question(v)
		found, err := operator.WriteRegister.Do(v, v.Desk, q)
		if err != nil {
			return registerPage{}, err
		}
		due, err := operator.ListReviews.Do(v, v.Desk, operator.Search[operator.ReviewFilter]{Filter: operator.ReviewFilter{ODS: q.ODS}, Paging: operator.Paging{Limit: listed}})
		return registerPage{found, due.Items, due.Next != ""}, err
	}
	p.download = func(v *visit, w http.ResponseWriter) error {
		if v.text("export") != "csv" {
			return errFormat
		}
		found, err := operator.WriteRegister.Do(v, v.Desk, question(v))
		for err == nil && found.Next != "" {
			var some operator.Register
			next := question(v)
			next.After = found.Next
			if some, err = operator.WriteRegister.Do(v, v.Desk, next); err == nil {
				found.Add(some)
			}
		}
		if err != nil {
			return err
		}
		return csvFile(w, "register", func() error { return operator.WriteRegisterCSV(w, found) })
	}
	return p
}
