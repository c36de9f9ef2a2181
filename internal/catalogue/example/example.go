// Package example makes event messages: one for every event type of the
// specification and each kind that its page allows. All data is invented. The
// messages pass the rules at the strict level.
package example

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/catalogue"
)

// Patient is the person whom a message is about; in a birth notification the
// mother. Empty fields get defaults. If all are empty, the patient is one of
// the development world.
type Patient struct {
	NHSNumber string // ten digits
	Family    string
	Given     string // several are separated by blanks
	BirthDate string // YYYY-MM-DD
	Gender    string // male, female, other, unknown
	Postcode  string
	Practice  string // ODS code of the GP practice
	// Baby is the NHS number of the baby in a birth notification.
	Baby string
}

// Generator makes messages. The same state of the generator makes the same bytes.
type Generator struct {
	// NewID returns a fresh UUID in lower case.
	NewID func() string
	Now   func() time.Time
	// MessageID becomes MessageHeader.id; "" means a fresh one.
	MessageID string
	Choices   Choices
}

// Choices are what can be chosen of an event beside its patient. Each concerns one
// event type; empty ones get defaults.
type Choices struct {
	// NotGiven: the vaccination was not given (vaccinations-1).
	NotGiven bool
	// OldPostcode is where the patient lived before (pds-change-of-address-1).
	OldPostcode string
	// OldPractice is where the patient was registered before. Left: they are
	// registered nowhere now (pds-change-of-gp-1).
	OldPractice string
	Left        bool
	// Death is the status of the notification: 1 informal, 2 formal, U removed
	// (pds-death-notification-1).
	Death string
}

// deaths are the statuses of a death notification (CareConnect-DeathNotificationStatus-1).
var deaths = []string{"1", "2", "U"}

// Message makes a message with fresh ids and the current time.
func Message(code, kind string, p Patient) ([]byte, error) {
	return Generator{NewID: uuid.NewString, Now: time.Now}.Message(code, kind, p)
}

// Sized makes a message of at least so many bytes, for measurements. It is
// filled up with narrative, as real messages carry it.
func Sized(code, kind string, size int) ([]byte, error) {
	message, err := Message(code, kind, Patient{})
	if err != nil || len(message) >= size {
		return message, err
	}
	return bytes.Replace(message, []byte("<extension"), append(narrative(size-len(message)), "<extension"...), 1), nil
}

// narrative is a text element of about size bytes.
func narrative(size int) []byte {
	const open, end = `<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">`, `</div></text>`
	const line = "<p>A line of text that describes the event for people, as systems in use add it.</p>"
	lines := max(size-len(open)-len(end)+len(line)-1, 0)/len(line) + 1
	return []byte(open + strings.Repeat(line, lines) + end)
}

// bodies writes the content of the messages of each event type.
var bodies = map[string]func(*given) ([]byte, error){
	"vaccinations-1":            vaccination,
	"professional-contacts-1":   professionalContact,
	"blood-spot-test-outcome-1": bloodSpot,
	"newborn-hearing-1":         newbornHearing,
	"nipe-outcome-1":            nipe,
	"pds-birth-notification-1":  birth,
	"pds-change-of-address-1":   changeOfAddress,
	"pds-change-of-gp-1":        changeOfGP,
	"pds-death-notification-1":  death,
	"pds-record-change-1":       recordChange,
}

// Message makes a message. It fails when there is no example of the event type,
// or when its page does not allow the kind. An empty kind means new.
func (g Generator) Message(code, kind string, p Patient) ([]byte, error) {
	types, err := catalogue.Embedded()
	if err != nil {
		return nil, err
	}
	t, known := types.Type(code)
	body := bodies[code]
	if !known || body == nil {
		return nil, fmt.Errorf("there is no example of an event type %q; there are: %s", code, strings.Join(Codes(), ", "))
	}
	if kind == "" {
		kind = "new"
	}
	if status := g.Choices.Death; status != "" && !slices.Contains(deaths, status) {
		return nil, fmt.Errorf("the status of a death: expected 1, 2 or U; received %q", status)
	}
	if !slices.Contains(t.Kinds, kind) {
		return nil, fmt.Errorf("%s messages are never %q; the page %s allows: %s", t.Display, kind, t.Page, strings.Join(t.Kinds, ", "))
	}
	return body(&given{Generator: g, kind: kind, patient: p.orDefault(code), choices: g.Choices, now: g.Now().UTC().Truncate(time.Second)})
}

// Codes lists the event types that have examples, in order.
func Codes() []string {
	var out []string
	for code := range bodies {
		out = append(out, code)
	}
	slices.Sort(out)
	return out
}

// orDefault fills in what is empty.
func (p Patient) orDefault(code string) Patient {
	whole := Patient{"9912003888", "DAWKINS", "Jack", "2017-10-02", "male", "LS17 7DF", "B86056", "9990000212"}
	switch {
	case p.NHSNumber == "" && code == "pds-birth-notification-1":
		whole = Patient{"9990000204", "FARROW", "Grace", "1995-05-05", "female", "AL1 3JE", "E82025", "9990000212"}
	case p.NHSNumber != "":
		whole = Patient{p.NHSNumber, "SPECIMEN", "Robin", "2020-01-01", "unknown", "LS1 4AP", "B86056", "9990000212"}
	}
	for _, field := range []struct{ to, from *string }{
		{&whole.NHSNumber, &p.NHSNumber}, {&whole.Family, &p.Family}, {&whole.Given, &p.Given},
		{&whole.BirthDate, &p.BirthDate}, {&whole.Gender, &p.Gender}, {&whole.Postcode, &p.Postcode},
		{&whole.Practice, &p.Practice}, {&whole.Baby, &p.Baby},
	} {
		if *field.from != "" {
			*field.to = *field.from
		}
	}
	return whole
}
