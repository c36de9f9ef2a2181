package play

import (
	"nems/internal/scenario"
	"nems/internal/world"
)

// People are the records of all who live in a world.
func People(w *world.World) []scenario.Patient {
	all := make([]scenario.Patient, 0, w.Patients())
	for _, h := range w.Households {
		for _, p := range h.People {
			all = append(all, scenario.Patient{
				NHSNumber: p.NHSNumber, Family: p.Family, Given: p.Given, Gender: p.Gender, BirthDate: p.Born,
				Address: scenario.Address{Lines: h.Lines, Postcode: h.Postcode}, Practice: p.Practice, Phone: p.Phone, Email: p.Email, Mother: p.Mother,
			})
		}
	}
	return all
}
