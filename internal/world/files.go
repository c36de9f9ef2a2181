package world

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/nhs"
)

// WriteCSV writes one kind of entry as the file that nems import reads.
func (w *World) WriteCSV(kind directory.Kind, to io.Writer) error {
	out := csv.NewWriter(to)
	rows := map[directory.Kind]func() [][]string{
		directory.KindPatients: w.patientRows, directory.KindOrganisations: w.organisationRows, directory.KindPostcodes: w.postcodeRows,
	}[kind]()
	return out.WriteAll(rows)
}

func (w *World) patientRows() [][]string {
	rows := [][]string{{"nhs_number", "family", "given", "birth_date", "postcode", "gp"}}
	for _, h := range w.Households {
		for _, p := range h.People {
			rows = append(rows, []string{p.NHSNumber, p.Family, strings.Join(p.Given, " "), p.Born, h.Postcode, p.Practice})
		}
	}
	return rows
}

// WriteRecords writes whole records, one JSON object a line, as nems patients load
// reads them.
func (w *World) WriteRecords(to io.Writer) error {
	out := json.NewEncoder(to)
	out.SetEscapeHTML(false)
	for _, h := range w.Households {
		for _, p := range h.People {
			if err := out.Encode(loadable{p.NHSNumber, p.record(h, w.Day)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// loadable is one line of WriteRecords.
type loadable struct {
	Patient string              `json:"patient"`
	Record  demographics.Record `json:"record"`
}

// record is what PDS has of somebody. Everybody has lived there for a year, or since
// the birth.
func (p Person) record(h Household, on string) demographics.Record {
	const year = -1
	then, _ := time.Parse(time.DateOnly, on) // Read and New have checked it
	since := max(p.Born, then.AddDate(year, 0, 0).Format(time.DateOnly))
	r := demographics.Record{
		Names:  []demographics.Name{{ID: "1", Use: "usual", Given: p.Given, Family: p.Family}},
		Gender: p.Gender, BirthDate: p.Born,
		Addresses: []demographics.Address{{ID: "1", Use: "home", Lines: h.Lines, Postcode: h.Postcode, Period: demographics.Period{Start: since}}},
	}
	for _, t := range []demographics.Telecom{{System: "phone", Use: "mobile", Value: p.Phone}, {System: "email", Use: "home", Value: p.Email}} {
		if t.Value != "" {
			t.ID = strconv.Itoa(len(r.Telecoms) + 1)
			r.Telecoms = append(r.Telecoms, t)
		}
	}
	if p.Practice != "" {
		r.Practice = &demographics.Registration{ID: "1", Practice: nhs.ODSCode(p.Practice), Start: since}
	}
	if p.Mother != "" {
		r.Relatives = []demographics.Relative{{ID: "1", NHSNumber: p.Mother, Relationship: "NMTH"}}
	}
	return r
}

// organisationRows: the importer adds the areas that rows name.
func (w *World) organisationRows() [][]string {
	rows := [][]string{{"code", "name", "sub_icb", "practice"}}
	done := map[string]bool{}
	add := func(o Organisation, practice string) {
		if !done[o.Code] {
			rows = append(rows, []string{o.Code, o.Name, o.SubICB, practice})
		}
		done[o.Code] = true
	}
	for _, t := range w.Towns {
		add(t.Hospital, "no")
		add(t.ChildHealth, "no")
		for _, p := range t.Practices {
			add(p, "yes")
		}
	}
	return rows
}

func (w *World) postcodeRows() [][]string {
	rows := [][]string{{"postcode", "sub_icb", "local_authority", "country"}}
	for _, t := range w.Towns {
		for _, s := range t.Streets {
			rows = append(rows, []string{s.Postcode, t.SubICB, t.LocalAuthority, t.Country})
		}
	}
	return rows
}
