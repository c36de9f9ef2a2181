package node_test

import (
	"testing"
	"time"

	"nems/internal/node/nodetest"
)

// situation describes who receives what. The subscriptions exist before the
// message is published. want gives, for each mailbox, the tags of those that
// its only copy is for ("untagged": a copy without a partner id).
type situation struct {
	name  string
	at    time.Time // of the publish; zero: soon after the start
	asks  []ask
	event string // event code; "" means vaccinations
	kind  string // "" means new
	about string // NHS number
	// message makes the message, instead of the three above.
	message func(t testing.TB) []byte
	times   int // of the publish; 0 means once
	want    map[string]string
}

// ask is one subscription. Its tag is part of the criteria.
type ask struct {
	tag      string // "" for none
	mailbox  string
	criteria string
	end      time.Time
	deleted  bool // before the publish
}

const (
	leeds     = nodetest.LeedsBox
	national  = nodetest.NationalBox
	national2 = nodetest.NationalBox2

	vaccinations = "&MessageHeader.event=vaccinations-1"
	untagged     = "untagged"
	england      = "E92000001"
)

// day returns a moment in the United Kingdom's winter, when its clocks show UTC.
func day(year int, month time.Month, d, hour, minute int) time.Time {
	return time.Date(year, month, d, hour, minute, 0, 0, time.UTC)
}

// situations are in the order of their moments. For postcodes, practices and
// birthdays see docs/dev-world.md.
var situations = []situation{
	{name: "a patient by NHS number", about: nodetest.Jack,
		asks: []ask{{tag: "jack", mailbox: leeds, criteria: about(nodetest.Jack) + vaccinations},
			{tag: "alex", mailbox: leeds, criteria: about(nodetest.Alex) + vaccinations}},
		want: map[string]string{leeds: "jack"}},
	{name: "the older system of NHS numbers, blanks and percent signs", about: nodetest.Jack,
		asks: []ask{{tag: "old", mailbox: leeds, criteria: "/Bundle?type=message&MessageHeader.event=vaccinations-1&Patient.identifier=http://fhir.nhs.net/Id/nhs-number%20%7C%209912003888"}},
		want: map[string]string{leeds: "old"}},
	{name: "another event type is not what was asked for", about: nodetest.Jack,
		asks: []ask{{tag: "hearing", mailbox: leeds, criteria: about(nodetest.Jack) + "&MessageHeader.event=newborn-hearing-1"}},
		want: nil},
	{name: "several event codes of one patient", about: nodetest.Jack,
		asks: []ask{{tag: "both", mailbox: leeds, criteria: about(nodetest.Jack) + "&MessageHeader.event=newborn-hearing-1" + vaccinations}},
		want: map[string]string{leeds: "both"}},
	{name: "an update", about: nodetest.Jack, kind: "update",
		asks: []ask{{tag: "jack", mailbox: leeds, criteria: about(nodetest.Jack) + vaccinations}},
		want: map[string]string{leeds: "jack"}},
	{name: "a delete", about: nodetest.Jack, kind: "delete",
		asks: []ask{{tag: "jack", mailbox: leeds, criteria: about(nodetest.Jack) + vaccinations}},
		want: map[string]string{leeds: "jack"}},
	{name: "the practice", about: nodetest.Jack,
		asks: []ask{{tag: "his", mailbox: leeds, criteria: rule("GP_GP_GP", "B86056") + vaccinations},
			{tag: "other", mailbox: leeds, criteria: rule("GP_GP_GP", "B85612") + vaccinations}},
		want: map[string]string{leeds: "his"}},
	{name: "the ICB sub-location of the practice, not of the home", about: nodetest.Jack,
		asks: []ask{{tag: "practice", mailbox: leeds, criteria: rule("CHO_GP_CCG", "02V") + vaccinations},
			{tag: "home", mailbox: leeds, criteria: rule("CHO_GP_CCG", "15F") + vaccinations}},
		want: map[string]string{leeds: "practice"}},
	{name: "the ICB sub-location of the home, not of the practice", about: nodetest.Jack,
		asks: []ask{{tag: "home", mailbox: leeds, criteria: rule("CHO_POSTCODE_CCG", "15F") + vaccinations},
			{tag: "practice", mailbox: leeds, criteria: rule("CHO_POSTCODE_CCG", "02V") + vaccinations}},
		want: map[string]string{leeds: "home"}},
	{name: "the local authority", about: nodetest.Jack,
		asks: []ask{{tag: "leeds", mailbox: leeds, criteria: rule("UHV_POSTCODE_LACODE", "E08000035") + vaccinations},
			{tag: "kirklees", mailbox: leeds, criteria: rule("UHV_POSTCODE_LACODE", "E08000034") + vaccinations}},
		want: map[string]string{leeds: "leeds"}},
	{name: "the country: England", about: nodetest.Jack, asks: countries, want: map[string]string{leeds: "england"}},
	{name: "the country: Wales", about: "9990000085", asks: countries, want: map[string]string{leeds: "wales"}},
	{name: "the country: Scotland, without a practice", about: "9990000093", asks: countries, want: map[string]string{leeds: "scotland"}},
	{name: "the country: Isle of Man", about: "9990000123", asks: countries, want: map[string]string{leeds: "man"}},
	{name: "registered with a practice", about: nodetest.Jack, asks: registrations, want: map[string]string{leeds: "registered any"}},
	{name: "not registered with a practice", about: nodetest.NoSuchGP, asks: registrations, want: map[string]string{leeds: "unregistered any"}},
	{name: "no postcode: only the practice's rules", about: "9990000077",
		asks: []ask{{tag: "practice", mailbox: leeds, criteria: rule("GP_GP_GP", "B86056") + vaccinations},
			{tag: "england", mailbox: leeds, criteria: rule("COUNTRYCODE", england) + vaccinations}},
		want: map[string]string{leeds: "practice"}},
	{name: "a postcode that is nowhere and a closed practice", about: "9990000263",
		asks: []ask{{tag: "practice", mailbox: leeds, criteria: rule("GP_GP_GP", "B86999") + vaccinations},
			{tag: "england", mailbox: leeds, criteria: rule("COUNTRYCODE", england) + vaccinations}},
		want: map[string]string{leeds: "practice"}},
	{name: "the service type filters nothing", about: nodetest.Jack,
		asks: []ask{{tag: "uhv", mailbox: leeds, criteria: rule("GP_GP_GP", "B86056") + vaccinations + "&serviceType=UHV"},
			{tag: "epchr", mailbox: leeds, criteria: rule("CHO_GP_CCG", "02V") + vaccinations + "&serviceType=EPCHR"}},
		want: map[string]string{leeds: "uhv epchr"}},
	{name: "two organisations, each its own copy", about: nodetest.Jack,
		asks: []ask{{tag: "one", mailbox: leeds, criteria: about(nodetest.Jack) + vaccinations},
			{tag: "two", mailbox: national, criteria: about(nodetest.Jack) + vaccinations}},
		want: map[string]string{leeds: "one", national: "two"}},
	{name: "two mailboxes of one organisation", about: nodetest.Jack,
		asks: []ask{{tag: "one", mailbox: national, criteria: about(nodetest.Jack) + vaccinations},
			{tag: "two", mailbox: national2, criteria: rule("COUNTRYCODE", england) + vaccinations}},
		want: map[string]string{national: "one", national2: "two"}},
	{name: "three matches of one mailbox: one copy, the tagged ones named", about: nodetest.Jack,
		asks: []ask{{tag: "patient", mailbox: leeds, criteria: about(nodetest.Jack) + vaccinations},
			{tag: "practice", mailbox: leeds, criteria: rule("GP_GP_GP", "B86056") + vaccinations},
			{mailbox: leeds, criteria: rule("UHV_POSTCODE_LACODE", "E08000035") + vaccinations}},
		want: map[string]string{leeds: "patient practice"}},
	{name: "a mailbox in small letters is the same mailbox", about: nodetest.Jack,
		asks: []ask{{tag: "small", mailbox: "mailbox1234", criteria: about(nodetest.Jack) + vaccinations},
			{tag: "capital", mailbox: leeds, criteria: about(nodetest.Jack) + vaccinations}},
		want: map[string]string{leeds: "small capital"}},
	{name: "nobody tagged", about: nodetest.Alex,
		asks: []ask{{mailbox: national2, criteria: about(nodetest.Alex) + vaccinations}},
		want: map[string]string{national2: untagged}},
	{name: "the same message three times: three copies", about: nodetest.Jack, times: 3,
		asks: []ask{{tag: "jack", mailbox: leeds, criteria: about(nodetest.Jack) + vaccinations}},
		want: map[string]string{leeds: "jack"}},
	{name: "a record flagged S", about: "9990000026",
		asks: []ask{{tag: "patient", mailbox: leeds, criteria: about("9990000026") + vaccinations},
			{tag: "practice", mailbox: national, criteria: rule("GP_GP_GP", "B86056") + vaccinations}},
		want: nil},
	{name: "a record flagged I", about: "9990000034",
		asks: []ask{{tag: "patient", mailbox: leeds, criteria: about("9990000034") + vaccinations},
			{tag: "england", mailbox: national, criteria: rule("COUNTRYCODE", england) + vaccinations}},
		want: nil},
	{name: "a superseded number matches under itself, its places are the new record's", about: "9990000042",
		asks: []ask{{tag: "old", mailbox: leeds, criteria: about("9990000042") + vaccinations},
			{tag: "new", mailbox: leeds, criteria: about("9990000050") + vaccinations},
			{tag: "kirklees", mailbox: national, criteria: rule("UHV_POSTCODE_LACODE", "E08000034") + vaccinations}},
		want: map[string]string{leeds: "old", national: "kirklees"}},
	{name: "a number superseded by a flagged record", about: "9990000220",
		asks: []ask{{tag: "patient", mailbox: leeds, criteria: about("9990000220") + vaccinations}},
		want: nil},
	{name: "a change of address: both areas hear of it", event: "pds-change-of-address-1",
		message: func(t testing.TB) []byte { return changeOfAddress(t, nodetest.Jack, "WF14 0BQ") },
		asks: []ask{{tag: "kirklees", mailbox: leeds, criteria: rule("UHV_POSTCODE_LACODE", "E08000034") + "&MessageHeader.event=pds-change-of-address-1"},
			{tag: "leeds", mailbox: leeds, criteria: rule("UHV_POSTCODE_LACODE", "E08000035") + "&MessageHeader.event=pds-change-of-address-1"},
			{tag: "newicb", mailbox: national, criteria: rule("CHO_POSTCODE_CCG", "15F") + "&MessageHeader.event=pds-change-of-address-1"},
			{tag: "oldicb", mailbox: national2, criteria: rule("CHO_POSTCODE_CCG", "X2C4Y") + "&MessageHeader.event=pds-change-of-address-1"},
			{tag: "durham", mailbox: national2, criteria: rule("CHO_POSTCODE_CCG", "X2458") + "&MessageHeader.event=pds-change-of-address-1"}},
		want: map[string]string{leeds: "kirklees leeds", national: "newicb", national2: "oldicb"}},
	{name: "a birth without the mother's number", event: "pds-birth-notification-1",
		message: birthWithoutMother,
		asks: []ask{{tag: "mother", mailbox: leeds, criteria: about("9990000204") + births},
			{tag: "baby", mailbox: leeds, criteria: about("9990000212") + births},
			{tag: "practice", mailbox: leeds, criteria: rule("GP_GP_GP", "E82025") + births},
			{tag: "icb", mailbox: leeds, criteria: rule("CHO_GP_CCG", "06N") + births},
			{tag: "home", mailbox: national, criteria: rule("UHV_POSTCODE_LACODE", "E07000240") + births},
			{tag: "young", mailbox: national, criteria: rule("CHO_POSTCODE_CCG", "06N") + births + "&Patient.age=lt1"}},
		want: map[string]string{leeds: "icb", national: "home"}},
	{name: "a birth with the mother's number", event: "pds-birth-notification-1", about: "9990000204",
		asks: []ask{{tag: "mother", mailbox: leeds, criteria: about("9990000204") + births},
			{tag: "practice", mailbox: national, criteria: rule("GP_GP_GP", "E82025") + births}},
		want: map[string]string{leeds: "mother", national: "practice"}},
	{name: "no birth date: no age", about: "9990000255",
		asks: []ask{{tag: "old", mailbox: leeds, criteria: about("9990000255") + vaccinations + "&Patient.age=ge0"},
			{tag: "any", mailbox: leeds, criteria: about("9990000255") + vaccinations}},
		want: map[string]string{leeds: "any"}},
	{name: "deleted", about: nodetest.Jack,
		asks: []ask{{tag: "gone", mailbox: leeds, criteria: about(nodetest.Jack) + vaccinations, deleted: true},
			{tag: "stays", mailbox: national, criteria: about(nodetest.Jack) + vaccinations}},
		want: map[string]string{national: "stays"}},
	{name: "the end reached", at: day(2026, time.April, 1, 12, 0), about: nodetest.Jack,
		asks: []ask{{tag: "ended", mailbox: leeds, criteria: about(nodetest.Jack) + vaccinations, end: day(2026, time.April, 1, 12, 0)},
			{tag: "lives", mailbox: national, criteria: about(nodetest.Jack) + vaccinations, end: day(2026, time.April, 1, 12, 30)}},
		want: map[string]string{national: "lives"}},
	{name: "two ages, between them", at: day(2026, time.July, 14, 22, 30), about: "9990000182",
		asks: []ask{{tag: "teen", mailbox: leeds, criteria: about("9990000182") + vaccinations + "&Patient.age=ge13&Patient.age=lt19"},
			{tag: "nineteen", mailbox: leeds, criteria: about("9990000182") + vaccinations + "&Patient.age=19"}},
		want: map[string]string{leeds: "teen"}},
	{name: "two ages, above both", at: day(2026, time.July, 15, 12, 0), about: "9990000182",
		asks: []ask{{tag: "teen", mailbox: leeds, criteria: about("9990000182") + vaccinations + "&Patient.age=ge13&Patient.age=lt19"},
			{tag: "nineteen", mailbox: leeds, criteria: about("9990000182") + vaccinations + "&Patient.age=19"}},
		want: map[string]string{leeds: "nineteen"}},
	// British Summer Time: the birthday of 1 September begins at 23:00 UTC.
	{name: "the evening before a birthday", at: day(2026, time.August, 31, 22, 55), about: "9990000131", asks: fifthBirthday, want: map[string]string{leeds: "below four"}},
	{name: "the night of a birthday", at: day(2026, time.August, 31, 23, 1), about: "9990000131", asks: fifthBirthday, want: map[string]string{leeds: "five above"}},
	{name: "born on 29 February, on the 28th", at: day(2027, time.February, 28, 23, 50), about: "9990000166", asks: leapYear, want: map[string]string{leeds: "fourteen"}},
	{name: "born on 29 February, on 1 March", at: day(2027, time.March, 1, 0, 10), about: "9990000166", asks: leapYear, want: map[string]string{leeds: "fifteen"}},
}

const births = "&MessageHeader.event=pds-birth-notification-1"

var (
	countries = []ask{
		{tag: "england", mailbox: leeds, criteria: rule("COUNTRYCODE", england) + vaccinations},
		{tag: "wales", mailbox: leeds, criteria: rule("COUNTRYCODE", "W92000004") + vaccinations},
		{tag: "scotland", mailbox: leeds, criteria: rule("COUNTRYCODE", "S92000003") + vaccinations},
		{tag: "man", mailbox: leeds, criteria: rule("COUNTRYCODE", "M83000003") + vaccinations},
	}
	registrations = []ask{
		{tag: "registered", mailbox: leeds, criteria: rule("COUNTRYCODE", england) + vaccinations + "&GPRegistration=RegisteredOnly"},
		{tag: "unregistered", mailbox: leeds, criteria: rule("COUNTRYCODE", england) + vaccinations + "&GPRegistration=UnregisteredOnly"},
		{tag: "any", mailbox: leeds, criteria: rule("COUNTRYCODE", england) + vaccinations},
	}
	fifthBirthday = []ask{
		{tag: "below", mailbox: leeds, criteria: about("9990000131") + vaccinations + "&Patient.age=lt5"},
		{tag: "four", mailbox: leeds, criteria: about("9990000131") + vaccinations + "&Patient.age=eq4"},
		{tag: "five", mailbox: leeds, criteria: about("9990000131") + vaccinations + "&Patient.age=5"},
		{tag: "above", mailbox: leeds, criteria: about("9990000131") + vaccinations + "&Patient.age=gt4"},
	}
	leapYear = []ask{
		{tag: "fourteen", mailbox: leeds, criteria: about("9990000166") + vaccinations + "&Patient.age=le14"},
		{tag: "fifteen", mailbox: leeds, criteria: about("9990000166") + vaccinations + "&Patient.age=ge15"},
	}
)
