package world

import (
	"encoding/csv"
	"io"
	"strings"

	"nems/internal/directory"
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
