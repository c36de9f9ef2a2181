package example

import (
	"strings"
	"time"

	"nems/message"
)

// given is what a message is made from.
type given struct {
	Generator
	kind    string
	patient Patient
	choices Choices
	now     time.Time
}

// day returns the date of the message minus a number of days.
func (g *given) day(before int) string { return g.now.AddDate(0, 0, -before).Format(time.DateOnly) }

// header returns a header whose message is about what happened a minute ago.
func (g *given) header(from message.Source, responsible message.Organisation) message.Header {
	return message.Header{
		ID: g.MessageID, IDs: g.NewID, Timestamp: g.now, LastUpdated: g.now.Add(-time.Minute),
		Source: from, Responsible: responsible,
	}
}

// person is the patient as care providers know them.
func (g *given) person() message.Patient {
	return message.Patient{
		NHSNumber: g.patient.NHSNumber,
		Names:     []message.HumanName{{Family: g.patient.Family, Given: strings.Fields(g.patient.Given)}},
		Gender:    message.Gender(g.patient.Gender), BirthDate: message.Date(g.patient.BirthDate),
		Addresses: []message.Address{g.home()},
	}
}

// home is where the patient lives.
func (g *given) home() message.Address {
	return message.Address{Use: message.HomeAddress, Lines: []string{"1 Example Street"}, Postcode: g.patient.Postcode}
}
