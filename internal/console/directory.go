package console

import (
	"cmp"
	"strings"

	"nems/internal/nhs"
	"nems/internal/operator"
)

// directoryPage is what the page Directory shows.
type directoryPage struct {
	operator.DirectoryState
	Organisation *operator.FoundOrganisation
	Postcode     *operator.FoundPostcode
	Patient      *operator.FoundPatient
}

// directory looks up organisations, postcodes and patients. What names a patient
// travels in a form, with a reason that the audit keeps.
func (c *Console) directory() page {
	p := page{path: "directory", title: "Directory", role: operator.Viewer, file: "directory.html"}
	p.read = func(v *visit) (any, error) {
		out, _ := v.result.(directoryPage)
		state, err := operator.ShowDirectory.Do(v, v.Desk, operator.None{})
		out.DirectoryState = state
		if code := strings.TrimSpace(v.text("organisation")); code != "" && err == nil {
			var found operator.FoundOrganisation
			found, err = operator.LookUpOrganisation.Do(v, v.Desk, operator.OrganisationRef{Code: nhs.ODSCode(code)})
			out.Organisation = &found
			if err != nil {
				out.Organisation = nil
			}
		}
		return out, err
	}
	p.act = func(v *visit) (outcome, error) {
		var out directoryPage
		defer func() { v.result = out }()
		if text := strings.TrimSpace(v.text("postcode")); text != "" {
			found, err := operator.LookUpPostcode.Do(v, v.Desk, operator.PostcodeQuestion{Postcode: text})
			if err == nil {
				out.Postcode = &found
			}
			return outcome{}, err
		}
		found, err := operator.LookUpPatient.Do(v, v.Desk, operator.PatientQuestion{
			Patient: strings.ReplaceAll(v.text("patient"), " ", ""), Reason: cmp.Or(v.text("why"), v.reason),
		})
		if err == nil {
			out.Patient = &found
		}
		return outcome{}, err
	}
	return p
}
