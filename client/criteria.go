package client

import (
	"fmt"
	"slices"
	"strconv"

	"nems/internal/subscription"
)

// Criteria says which events a subscription asks for. A Criteria is a value: each
// method returns another one, so that
//
//	client.Explicit(number).Event("vaccinations-1").Under(5)
//
// reads as it is meant. The service checks it, and says what is wrong.
//
// Source: NEMS specification 2.15, "Create Subscription", subscription criteria.
type Criteria struct{ parts subscription.Parts }

// Explicit asks for the events of one patient.
func Explicit(nhsNumber string) Criteria { return Criteria{subscription.Parts{Patient: nhsNumber}} }

// Practice asks for the events of everybody registered with a GP practice.
func Practice(ods string) Criteria { return Generic("GP_GP_GP", ods) }

// SubICBOfPractice asks for the events of everybody whose GP practice belongs to an
// ICB sub-location.
func SubICBOfPractice(ods string) Criteria { return Generic("CHO_GP_CCG", ods) }

// SubICBOfHome asks for the events of everybody who lives in the area of an ICB
// sub-location.
func SubICBOfHome(ods string) Criteria { return Generic("CHO_POSTCODE_CCG", ods) }

// LocalAuthority asks for the events of everybody who lives in the area of a local
// authority (an ONS code, such as E08000035).
func LocalAuthority(code string) Criteria { return Generic("UHV_POSTCODE_LACODE", code) }

// Country asks for the events of everybody who lives in a country (an ONS code, such
// as E92000001).
func Country(code string) Criteria { return Generic("COUNTRYCODE", code) }

// Generic asks for the events of everybody whom a rule selects, by the rule's name in
// the specification, such as GP_GP_GP.
func Generic(rule, organisation string) Criteria {
	return Criteria{subscription.Parts{Rule: rule, Organisation: organisation}}
}

// Event adds event codes, such as vaccinations-1. A subscription to one patient may
// ask for several; all others for one.
func (c Criteria) Event(codes ...string) Criteria {
	c.parts.Events = append(slices.Clone(c.parts.Events), codes...)
	return c
}

// Under keeps to patients younger than this, in whole years as of the event.
func (c Criteria) Under(years int) Criteria { return c.Age("lt" + strconv.Itoa(years)) }

// UpTo keeps to patients of at most this age.
func (c Criteria) UpTo(years int) Criteria { return c.Age("le" + strconv.Itoa(years)) }

// Over keeps to patients older than this.
func (c Criteria) Over(years int) Criteria { return c.Age("gt" + strconv.Itoa(years)) }

// From keeps to patients of at least this age.
func (c Criteria) From(years int) Criteria { return c.Age("ge" + strconv.Itoa(years)) }

// Aged keeps to patients of this age.
func (c Criteria) Aged(years int) Criteria { return c.Age("eq" + strconv.Itoa(years)) }

// Age adds filters in the specification's words: lt, le, gt, ge or eq before whole
// years, such as lt5. All of them must hold.
func (c Criteria) Age(filters ...string) Criteria {
	c.parts.Ages = append(slices.Clone(c.parts.Ages), filters...)
	return c
}

// RegisteredOnly keeps to patients who are registered with a GP practice.
func (c Criteria) RegisteredOnly() Criteria { return c.Registration("RegisteredOnly") }

// UnregisteredOnly keeps to patients who are not registered with a GP practice.
func (c Criteria) UnregisteredOnly() Criteria { return c.Registration("UnregisteredOnly") }

// Registration keeps to patients by the specification's word for their registration:
// RegisteredOnly or UnregisteredOnly; "" keeps all.
func (c Criteria) Registration(word string) Criteria { c.parts.Registration = word; return c }

// Service says what type of service subscribes: GP, CHO, UHV or EPCHR. It is
// recorded, and selects nothing.
func (c Criteria) Service(kind string) Criteria { c.parts.ServiceType = kind; return c }

// Tag comes with every copy, so that the receiver knows for which of its
// subscriptions a copy is.
func (c Criteria) Tag(tag string) Criteria { c.parts.Tag = tag; return c }

// Search is the criteria as the search string that a Subscription resource holds.
// It may name a patient: it belongs into no log.
func (c Criteria) Search() string { return c.parts.Search() }

// Format keeps the patient out of everything that is printed.
func (c Criteria) Format(f fmt.State, _ rune) {
	if c.parts.Patient != "" {
		_, _ = f.Write([]byte("[criteria of an explicit subscription]"))
		return
	}
	_, _ = f.Write([]byte(c.Search()))
}
