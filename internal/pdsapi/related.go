package pdsapi

import (
	"net/http"
	"slices"

	"nems/internal/audit"
	"nems/internal/demographics"
)

// relatedPerson is somebody whom a record names (RelatedPerson.yaml).
type relatedPerson struct {
	ID           string      `json:"id"`
	ResourceType string      `json:"resourceType"`
	Patient      object      `json:"patient"`
	Active       bool        `json:"active"`
	Name         []humanName `json:"name,omitempty"`
	Relationship []concept   `json:"relationship"`
}

// relations are the types of relationship that PDS has, with their words.
var relations = map[string]string{
	"SPS": "spouse", "DOMPART": "domestic partner", "PRN": "parent", "PRNFOST": "foster parent", "STPPRN": "step parent",
	"CHILD": "child", "MTH": "mother", "FTH": "father", "SIS": "sister", "BRO": "brother", "FAMMEMB": "family member",
}

// nearest are the types for codes of v3-RoleCode that PDS does not have.
var nearest = map[string]string{
	"NMTH": "MTH", "GESTM": "MTH", "ADOPTM": "MTH", "NFTH": "FTH", "ADOPTF": "FTH", "NPRN": "PRN", "ADOPTP": "PRN",
	"HUSB": "SPS", "WIFE": "SPS", "SON": "CHILD", "DAU": "CHILD", "NCHILD": "CHILD", "SONC": "CHILD", "DAUC": "CHILD",
}

// related answers GET /Patient/{id}/RelatedPerson. Those of a restricted patient are
// not told.
func (a *API) related(x *exchange) error {
	r, err := a.current(x.r.Context(), x.patient)
	if err != nil {
		return err
	}
	a.audit(x, audit.ActionReadRecord, x.patient, http.StatusOK, "")
	out := bundle{ResourceType: "Bundle", Type: "searchset", Timestamp: instant(a.Now())}
	if !r.Sensitive {
		for _, relative := range withIDs(r).Relatives {
			out.Entry = append(out.Entry, entry{FullURL: a.Base(x.r) + Base + "/Patient/" + r.NHSNumber.Digits() + "/RelatedPerson/" + relative.ID, Resource: encodeRelative(relative)})
		}
	}
	out.Total = len(out.Entry)
	x.w.Header().Set("ETag", etag(r))
	x.write(http.StatusOK, out)
	return nil
}

func encodeRelative(r demographics.Relative) relatedPerson {
	code := r.Relationship
	if to := nearest[code]; to != "" {
		code = to
	}
	relationship := concept{Coding: []coding{{System: relationUKSystem, Code: "Personal", Display: "Personal relationship with the patient"}}}
	if relations[code] != "" {
		relationship.Coding = append(relationship.Coding, coding{System: relationSystem, Code: code, Display: relations[code]})
	} else {
		relationship.Coding = append(relationship.Coding, coding{System: relationUKSystem, Code: "NotSpecified", Display: "Not Specified"})
	}
	out := relatedPerson{ID: r.ID, ResourceType: "RelatedPerson", Active: true, Relationship: []concept{relationship}, Patient: object{}}
	if r.NHSNumber != "" {
		out.Patient["identifier"] = object{"system": nhsNumberSystem, "value": r.NHSNumber}
	}
	if r.Family != "" {
		out.Name = []humanName{{Use: "usual", Family: r.Family, Given: slices.DeleteFunc([]string{r.Given}, func(s string) bool { return s == "" })}}
	}
	return out
}
