package console

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"nems/internal/demographics"
	"nems/internal/nhs"
	"nems/internal/operator"
)

// patientsPage is what the page Patients shows.
type patientsPage struct {
	Found *operator.Page[operator.RecordRow] // nil before a search
	// Opened is the record that is looked at; nil for none.
	Opened *operator.PatientRecord
	Home   *demographics.Address // of Opened
	// Changed is what a change has made; nil before one.
	Changed *operator.RecordChanged
	Why     string
	// Request is a fresh id for what a form of the page asks for.
	Request string
}

// patients finds patients' records, shows one and changes it. All that names a patient
// travels in forms.
func (c *Console) patients() page {
	p := page{path: "patients", title: "Patients", role: operator.Governance, file: "patients.html"}
	p.read = func(v *visit) (any, error) {
		out, _ := v.result.(patientsPage)
		out.Why, out.Request = cmp.Or(v.text("why"), v.reason), uuid.NewString()
		if number := strings.ReplaceAll(v.text("patient"), " ", ""); number != "" {
			opened, err := operator.ReadRecord.Do(v, v.Desk, operator.RecordReading{Patient: number, Reason: out.Why})
			if err == nil {
				out.Opened, out.Home = &opened, opened.Record.Home()
			}
			return out, err
		}
		if v.text("find") == "" {
			return out, nil
		}
		found, err := operator.FindRecords.Do(v, v.Desk, search(v, operator.RecordFilter{
			Family: v.text("family"), BornFrom: v.text("born"), BornTo: v.text("born"), Postcode: v.text("postcode"), Practice: nhs.ODSCode(v.text("practice")),
		}))
		if err == nil {
			out.Found = &found
		}
		return out, err
	}
	p.act = func(v *visit) (outcome, error) {
		switch v.text("deed") {
		case "":
			return outcome{}, nil // only looks
		case "born":
			return v.notifyBirth()
		}
		return v.changeRecord()
	}
	return p
}

// changeRecord does to a record what the form says.
func (v *visit) changeRecord() (out outcome, err error) {
	e, err := v.edit()
	if err != nil {
		return out, err
	}
	done, err := operator.ChangeRecord.Do(v, v.Desk, operator.RecordChange{
		Patient: v.text("patient"), New: v.text("deed") == "add", Edit: e, ByCitizen: v.text("by-citizen") != "",
	})
	if err != nil {
		return out, err
	}
	v.result = patientsPage{Changed: &done}
	if len(done.Events) == 0 {
		return outcome{done: "Nothing differs: there is no event."}, nil
	}
	return outcome{done: fmt.Sprintf("The record has version %d now. Events: %d.", done.Version, len(done.Events))}, nil
}

// edit reads what a form changes.
func (v *visit) edit() (e demographics.Edit, err error) {
	switch v.text("deed") {
	case "add":
		e = v.address()
		e.Family, e.Given, e.BirthDate, e.Gender = v.text("family"), strings.Fields(v.text("given")), v.text("born"), v.text("gender")
		e.Practice = nhs.ODSCode(v.text("practice"))
	case "move":
		e = v.address()
	case "register":
		e.Practice = nhs.ODSCode(strings.ToUpper(v.text("practice")))
	case "leave":
		e.Left, e.Removal = true, v.text("removal")
	case "name":
		e.Family, e.Given, e.Gender = v.text("family"), strings.Fields(v.text("given")), v.text("gender")
		e.Phone, e.Email = v.text("phone"), v.text("email")
	case "died":
		e.Death, e.DeathAt = v.text("death"), v.text("death-at")
	case "sensitive":
		e.Sensitive = new(v.text("on") != "")
	case "invalid":
		e.Invalid = new(v.text("on") != "")
	case "merge":
		e.SupersededBy = strings.ReplaceAll(v.text("whom"), " ", "")
	default:
		return e, &operator.Error{Code: operator.Invalid, Field: "deed", Message: "the form does not say what to change"}
	}
	return e, nil
}

// address reads the lines of an address.
func (v *visit) address() (e demographics.Edit) {
	e.Postcode = v.text("postcode")
	for line := range strings.Lines(v.text("lines")) {
		e.Lines = append(e.Lines, strings.TrimSpace(line))
	}
	return e
}

// notifyBirth makes the record of a newborn of the patient that is looked at.
func (v *visit) notifyBirth() (out outcome, err error) {
	done, err := operator.NotifyBirth.Do(v, v.Desk, operator.BirthToNotify{
		// The page has a request of its own, so that sending it again makes no second baby.
		Request: v.text("request"), Given: strings.Fields(v.text("given")), Gender: v.text("gender"), Birth: demographics.Birth{Mother: v.text("patient")},
	})
	if err != nil {
		return out, err
	}
	v.result = patientsPage{Changed: &done.Changed}
	v.form.Set("patient", done.Patient) // look at the baby
	return outcome{done: "The birth is notified. This is the baby's record."}, nil
}
