package subscription

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"nems/internal/nhs"
)

const (
	aNumber  = "9990000026"
	explicit = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + aNumber + "&MessageHeader.event=vaccinations-1"
	generic  = "/Bundle?type=message&subscriptionRuleType=CHO_POSTCODE_CCG&Organization.identifier=X2458&MessageHeader.event=pds-change-of-address-1"
)

func patient(t testing.TB, digits string) nhs.NHSNumber {
	t.Helper()
	n, err := nhs.ParseNHSNumber(digits)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestParseCriteria(t *testing.T) {
	number := patient(t, aNumber)
	explicitly := func(change func(*Criteria)) Criteria {
		c := Criteria{Patient: number, Events: []string{"vaccinations-1"}}
		change(&c)
		return c
	}
	generically := func(change func(*Criteria)) Criteria {
		c := Criteria{Rule: RuleSubICBPostcode, Organisation: "X2458", Events: []string{"pds-change-of-address-1"}}
		change(&c)
		return c
	}
	as := func(Criteria) func(*Criteria) { return func(*Criteria) {} }(Criteria{})
	head := "/Bundle?type=message&"
	for name, test := range map[string]struct {
		text string
		want Criteria
	}{
		"explicit":                     {explicit, explicitly(as)},
		"generic":                      {generic, generically(as)},
		"the older system":             {strings.Replace(explicit, "https://fhir.nhs.uk", "http://fhir.nhs.net", 1), explicitly(as)},
		"blanks around the bar":        {strings.Replace(explicit, "|", " | ", 1), explicitly(as)},
		"bar encoded":                  {strings.Replace(explicit, "|", "%7C", 1), explicitly(as)},
		"bar encoded in small letters": {strings.Replace(explicit, "|", "%7c", 1), explicitly(as)},
		"value encoded whole":          {head + "Patient.identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C" + aNumber + "&MessageHeader.event=vaccinations-1", explicitly(as)},
		"name encoded":                 {strings.Replace(explicit, "MessageHeader.event", "MessageHeader%2Eevent", 1), explicitly(as)},
		"event first":                  {head + "MessageHeader.event=vaccinations-1&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + aNumber, explicitly(as)},
		"several events": {explicit + "&MessageHeader.event=nipe-outcome-1&MessageHeader.event=vaccinations-1",
			explicitly(func(c *Criteria) { c.Events = []string{"vaccinations-1", "nipe-outcome-1"} })},
		"service type":    {explicit + "&serviceType=EPCHR", explicitly(func(c *Criteria) { c.ServiceType = "EPCHR" })},
		"younger than":    {explicit + "&Patient.age=lt14", explicitly(func(c *Criteria) { c.Ages = []Age{{Less, 14}} })},
		"an age":          {explicit + "&Patient.age=7", explicitly(func(c *Criteria) { c.Ages = []Age{{Equal, 7}} })},
		"an equal age":    {explicit + "&Patient.age=eq0", explicitly(func(c *Criteria) { c.Ages = []Age{{Equal, 0}} })},
		"between":         {generic + "&Patient.age=ge5&Patient.age=le19", generically(func(c *Criteria) { c.Ages = []Age{{GreaterOrEqual, 5}, {LessOrEqual, 19}} })},
		"just possible":   {generic + "&Patient.age=gt5&Patient.age=lt7", generically(func(c *Criteria) { c.Ages = []Age{{Greater, 5}, {Less, 7}} })},
		"registered":      {explicit + "&GPRegistration=RegisteredOnly", explicitly(func(c *Criteria) { c.Registration = RegisteredOnly })},
		"unregistered":    {generic + "&GPRegistration=UnregisteredOnly", generically(func(c *Criteria) { c.Registration = UnregisteredOnly })},
		"tag":             {generic + "&tag=Site_1-2|a,b", generically(func(c *Criteria) { c.Tag = "Site_1-2|a,b" })},
		"longest tag":     {generic + "&tag=" + strings.Repeat("t", 100), generically(func(c *Criteria) { c.Tag = strings.Repeat("t", 100) })},
		"small letters":   {strings.Replace(generic, "X2458", "x2458", 1), generically(as)},
		"country":         {head + "subscriptionRuleType=COUNTRYCODE&Organization.identifier=W92000004&MessageHeader.event=pds-change-of-address-1", generically(func(c *Criteria) { c.Rule, c.Organisation = RuleCountry, "W92000004" })},
		"local authority": {head + "subscriptionRuleType=UHV_POSTCODE_LACODE&Organization.identifier=E08000035&MessageHeader.event=pds-change-of-address-1", generically(func(c *Criteria) { c.Rule, c.Organisation = RuleLocalAuthority, "E08000035" })},
		"registration beside a GP rule": {head + "subscriptionRuleType=GP_GP_GP&Organization.identifier=B86056&MessageHeader.event=pds-change-of-address-1&GPRegistration=RegisteredOnly",
			generically(func(c *Criteria) {
				c.Rule, c.Organisation, c.Registration = RulePractice, "B86056", RegisteredOnly
			})},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.Text = test.text
			got, err := ParseCriteria(test.text)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("ParseCriteria = %s, %v; want %s", got.Normal(), err, test.want.Normal())
			}
		})
	}
}

func TestParseCriteriaRefuses(t *testing.T) {
	head := "/Bundle?type=message&"
	for name, test := range map[string]struct {
		text, component string
		number          bool
	}{
		"nothing":                 {"", "criteria", false},
		"no slash":                {explicit[1:], "criteria", false},
		"host in front":           {"https://clinicals.spineservices.nhs.uk" + explicit, "criteria", false},
		"another resource":        {strings.Replace(explicit, "Bundle", "Patient", 1), "criteria", false},
		"another type":            {strings.Replace(explicit, "type=message", "type=document", 1), "criteria", false},
		"type goes on":            {strings.Replace(explicit, "type=message", "type=messages", 1), "criteria", false},
		"type not first":          {"/Bundle?serviceType=GP&type=message" + explicit[len(head)-1:], "criteria", false},
		"type twice":              {explicit + "&type=message", "type", false},
		"too long":                {explicit + strings.Repeat("&MessageHeader.event=vaccinations-1", 300), "criteria", false},
		"only the type":           {"/Bundle?type=message", "criteria", false},
		"trailing ampersand":      {explicit + "&", "component 4", false},
		"two ampersands":          {strings.Replace(explicit, "&Message", "&&Message", 1), "component 3", false},
		"only an ampersand":       {"/Bundle?type=message&", "component 2", false},
		"escaped twice":           {strings.Replace(explicit, "&", "&amp;", 1), "component 2", false},
		"no equals sign":          {explicit + "&tag", "component 4", false},
		"bad escape":              {explicit + "&tag=%7", "component 4", false},
		"bad escape in a name":    {explicit + "&ta%zz=a", "component 4", false},
		"unknown component":       {explicit + "&Patient.name=x", "component 4", false},
		"case of a name":          {explicit + "&Tag=a", "component 4", false},
		"empty name":              {explicit + "&=a", "component 4", false},
		"modifier":                {explicit + "&Patient.age:contains=5", "component 4", false},
		"empty tag":               {explicit + "&tag=", "tag", false},
		"empty patient":           {head + "Patient.identifier=&MessageHeader.event=vaccinations-1", "Patient.identifier", false},
		"number without system":   {head + "Patient.identifier=" + aNumber + "&MessageHeader.event=vaccinations-1", "Patient.identifier", false},
		"empty system":            {head + "Patient.identifier=|" + aNumber + "&MessageHeader.event=vaccinations-1", "Patient.identifier", false},
		"another system":          {strings.Replace(explicit, "nhs-number", "local-number", 1), "Patient.identifier", false},
		"https for the older one": {strings.Replace(explicit, "fhir.nhs.uk", "fhir.nhs.net", 1), "Patient.identifier", false},
		"empty number":            {strings.Replace(explicit, aNumber, "", 1), "Patient.identifier", true},
		"nine digits":             {strings.Replace(explicit, aNumber, aNumber[1:], 1), "Patient.identifier", true},
		"eleven digits":           {strings.Replace(explicit, aNumber, aNumber+"0", 1), "Patient.identifier", true},
		"letters":                 {strings.Replace(explicit, aNumber, "999000002X", 1), "Patient.identifier", true},
		"blanks in the number":    {strings.Replace(explicit, aNumber, "999 000 0026", 1), "Patient.identifier", true},
		"check digit":             {strings.Replace(explicit, aNumber, "9990000027", 1), "Patient.identifier", true},
		"two patients":            {explicit + "&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + aNumber, "Patient.identifier", false},
		"no event":                {head + "Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + aNumber, "MessageHeader.event", false},
		"empty event":             {explicit + "&MessageHeader.event=", "MessageHeader.event", false},
		"two codes in one event":  {explicit + "&MessageHeader.event=vaccinations-1,nipe-outcome-1", "MessageHeader.event", false},
		"system of an event":      {explicit + "&MessageHeader.event=https://fhir.nhs.uk/STU3/CodeSystem/EventType-1|vaccinations-1", "MessageHeader.event", false},
		"long event":              {explicit + "&MessageHeader.event=" + strings.Repeat("a", 65), "MessageHeader.event", false},
		"two events, generic":     {generic + "&MessageHeader.event=vaccinations-1", "MessageHeader.event", false},
		"an event twice, generic": {generic + "&MessageHeader.event=pds-change-of-address-1", "MessageHeader.event", false},
		"three ages":              {explicit + "&Patient.age=gt1&Patient.age=lt9&Patient.age=5", "Patient.age", false},
		"negative age":            {explicit + "&Patient.age=-1", "Patient.age", false},
		"signed age":              {explicit + "&Patient.age=lt+5", "Patient.age", false},
		"age with a fraction":     {explicit + "&Patient.age=lt5.5", "Patient.age", false},
		"age in months":           {explicit + "&Patient.age=lt5m", "Patient.age", false},
		"prefix alone":            {explicit + "&Patient.age=lt", "Patient.age", false},
		"prefix of the standard":  {explicit + "&Patient.age=ne5", "Patient.age", false},
		"capital prefix":          {explicit + "&Patient.age=LT5", "Patient.age", false},
		"long age":                {explicit + "&Patient.age=0005", "Patient.age", false},
		"impossible ages":         {explicit + "&Patient.age=gt60&Patient.age=lt14", "Patient.age", false},
		"no age between":          {explicit + "&Patient.age=gt5&Patient.age=lt6", "Patient.age", false},
		"younger than nothing":    {explicit + "&Patient.age=lt0", "Patient.age", false},
		"registration":            {explicit + "&GPRegistration=registeredonly", "GPRegistration", false},
		"registration twice":      {explicit + "&GPRegistration=RegisteredOnly&GPRegistration=RegisteredOnly", "GPRegistration", false},
		"service type":            {explicit + "&serviceType=HOSPITAL", "serviceType", false},
		"case of a service type":  {explicit + "&serviceType=gp", "serviceType", false},
		"service type twice":      {explicit + "&serviceType=GP&serviceType=CHO", "serviceType", false},
		"rule":                    {strings.Replace(generic, "CHO_POSTCODE_CCG", "CHO_POSTCODE_ICB", 1), "subscriptionRuleType", false},
		"case of a rule":          {strings.Replace(generic, "CHO_POSTCODE_CCG", "cho_postcode_ccg", 1), "subscriptionRuleType", false},
		"rule twice":              {generic + "&subscriptionRuleType=CHO_POSTCODE_CCG", "subscriptionRuleType", false},
		"rule and patient":        {generic + "&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + aNumber, "subscriptionRuleType", false},
		"patient and place":       {explicit + "&Organization.identifier=X2458", "Organization.identifier", false},
		"rule without a place":    {strings.Replace(generic, "&Organization.identifier=X2458", "", 1), "Organization.identifier", false},
		"place without a rule":    {strings.Replace(generic, "subscriptionRuleType=CHO_POSTCODE_CCG&", "", 1), "criteria", false},
		"two places":              {generic + "&Organization.identifier=15F", "Organization.identifier", false},
		"form of a place":         {strings.Replace(generic, "X2458", "X-2458", 1), "Organization.identifier", false},
		"system of a place":       {strings.Replace(generic, "X2458", "https://fhir.nhs.uk/Id/ods-organization-code|X2458", 1), "Organization.identifier", false},
		"country outside":         {head + "subscriptionRuleType=COUNTRYCODE&Organization.identifier=F92000001&MessageHeader.event=vaccinations-1", "Organization.identifier", false},
		"country's name":          {head + "subscriptionRuleType=COUNTRYCODE&Organization.identifier=England&MessageHeader.event=vaccinations-1", "Organization.identifier", false},
		"long tag":                {generic + "&tag=" + strings.Repeat("t", 101), "tag", false},
		"tag with a blank":        {generic + "&tag=a%20b", "tag", false},
		"tag with a tilde":        {generic + "&tag=a~~~b", "tag", false},
		"tag with a plus":         {generic + "&tag=a+b", "tag", false},
		"tag with an umlaut":      {generic + "&tag=Zoë", "tag", false},
		"tag with a bad byte":     {generic + "&tag=a%ff", "tag", false},
		"tag with a zero":         {generic + "&tag=a%00", "tag", false},
		"two tags":                {generic + "&tag=a&tag=b", "tag", false},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ParseCriteria(test.text)
			var bad *CriteriaError
			if !errors.As(err, &bad) {
				t.Fatalf("ParseCriteria = %s, %v; want a *CriteriaError", c.Normal(), err)
			}
			if bad.Component != test.component || bad.NHSNumber != test.number {
				t.Errorf("refused %q (NHS number %t), want %q (%t): %v", bad.Component, bad.NHSNumber, test.component, test.number, err)
			}
			if bad.Expected == "" || bad.Received == "" || !reflect.DeepEqual(c, Criteria{}) {
				t.Errorf("an incomplete error or criteria beside it: %v", err)
			}
			holdsNoPatient(t, err)
		})
	}
}

// holdsNoPatient fails when an error quotes a sequence of digits as long as an NHS number.
func holdsNoPatient(t testing.TB, err error) {
	t.Helper()
	run := 0
	for _, r := range err.Error() {
		if run++; r < '0' || r > '9' {
			run = 0
		}
		if run >= 9 {
			t.Fatalf("the error quotes a number: %v", err)
		}
	}
}

// A patient's number in the wrong place is never quoted.
func TestErrorsNeverQuoteANumber(t *testing.T) {
	for _, name := range []string{serviceType, messageEvent + "=a,", patientAge, gpRegistration, subscriptionRuleType,
		organisationIdentifier + "=,", tagComponent + "=~", "unknown"} {
		_, err := ParseCriteria("/Bundle?type=message&" + name + "=" + aNumber)
		if err == nil {
			t.Fatalf("%s was accepted", name)
		}
		holdsNoPatient(t, err)
	}
	_, err := ParseCriteria("/Bundle?type=message&" + aNumber + "=1")
	holdsNoPatient(t, err)
}

func TestNormalOfEqualCriteria(t *testing.T) {
	same := [][]string{
		{
			explicit + "&MessageHeader.event=nipe-outcome-1&Patient.age=lt6",
			strings.Replace(explicit, "https://fhir.nhs.uk/Id", "http://fhir.nhs.net/Id", 1) + "&Patient.age=le5&MessageHeader.event=nipe-outcome-1",
			"/Bundle?type=message&Patient.age=lt6&MessageHeader.event=nipe-outcome-1&MessageHeader.event=vaccinations-1&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number%20%7C%20" + aNumber,
			explicit + "&MessageHeader.event=nipe-outcome-1&MessageHeader.event=vaccinations-1&Patient.age=le5&Patient.age=lt9",
		},
		{generic + "&Patient.age=gt5&Patient.age=lt7", generic + "&Patient.age=6", generic + "&Patient.age=le6&Patient.age=ge6"},
		{generic, strings.Replace(generic, "X2458", "x2458", 1)},
		{generic + "&Patient.age=ge0", generic + "&Patient.age=ge0&Patient.age=ge0"},
	}
	for _, group := range same {
		first := normal(t, group[0])
		for _, text := range group[1:] {
			if got := normal(t, text); got != first {
				t.Errorf("not equal:\n%s\n%s", got, first)
			}
		}
	}
}

func TestNormalOfDifferentCriteria(t *testing.T) {
	seen := map[string]string{}
	for _, text := range []string{
		explicit, generic,
		explicit + "&tag=a", explicit + "&tag=A", explicit + "&serviceType=GP", explicit + "&serviceType=CHO",
		explicit + "&MessageHeader.event=nipe-outcome-1", explicit + "&GPRegistration=RegisteredOnly",
		explicit + "&GPRegistration=UnregisteredOnly", explicit + "&Patient.age=5", explicit + "&Patient.age=ge5",
		// Excludes only patients whose birth date is unknown.
		explicit + "&Patient.age=ge0",
		strings.Replace(generic, "CHO_POSTCODE_CCG", "CHO_GP_CCG", 1), strings.Replace(generic, "X2458", "15F", 1),
		strings.Replace(explicit, aNumber, "9990000034", 1),
	} {
		n := normal(t, text)
		if other, found := seen[n]; found {
			t.Errorf("%q and %q have the same normal form", text, other)
		}
		seen[n] = text
	}
}

func normal(t testing.TB, text string) string {
	t.Helper()
	c, err := ParseCriteria(text)
	if err != nil {
		t.Fatal(err)
	}
	return c.Normal()
}

// anyCriteria draws criteria that ParseCriteria could return.
func anyCriteria() *rapid.Generator[Criteria] {
	numbers := []string{aNumber, "9990000034", "9990000042", "9434765919"}
	return rapid.Custom(func(t *rapid.T) Criteria {
		c := Criteria{
			ServiceType:  rapid.SampledFrom([]string{"", "GP", "CHO", "UHV", "EPCHR"}).Draw(t, "service"),
			Registration: rapid.SampledFrom([]Registration{AnyRegistration, RegisteredOnly, UnregisteredOnly}).Draw(t, "registration"),
			Tag:          rapid.StringMatching(`([A-Za-z0-9_|,-]{1,100})?`).Draw(t, "tag"),
		}
		most := 5
		if rapid.Bool().Draw(t, "explicit") {
			c.Patient, _ = nhs.ParseNHSNumber(rapid.SampledFrom(numbers).Draw(t, "patient"))
		} else {
			most = 1
			c.Rule = rapid.SampledFrom([]string{RulePractice, RuleSubICBOfGP, RuleSubICBPostcode, RuleLocalAuthority}).Draw(t, "rule")
			c.Organisation = rapid.StringMatching(`[A-Z0-9]{1,12}`).Draw(t, "organisation")
		}
		c.Events = rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9-]{1,30}`), 1, most, rapid.ID).Draw(t, "events")
		age := rapid.Custom(func(t *rapid.T) Age {
			return Age{AgeOp(rapid.IntRange(1, 5).Draw(t, "op")), rapid.IntRange(0, 120).Draw(t, "years")}
		})
		c.Ages = rapid.SliceOfN(age, 0, 2).Filter(func(a []Age) bool { r := rangeOf(a); return r.min <= r.max }).Draw(t, "ages")
		return c
	})
}

func TestNormalIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCriteria().Draw(t, "criteria")
		text := c.Normal()
		back, err := ParseCriteria(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if again := back.Normal(); again != text || back.Key() != c.Key() || back.Tag != c.Tag || back.Registration != c.Registration {
			t.Fatalf("%q was read as %q", text, again)
		}
		for years := range 125 {
			if passAll(back.Ages, years) != passAll(c.Ages, years) {
				t.Fatalf("%v and %v differ at %d", back.Ages, c.Ages, years)
			}
		}
	})
}

func passAll(ages []Age, years int) bool {
	for _, a := range ages {
		if !a.passes(years) {
			return false
		}
	}
	return true
}

func FuzzParseCriteria(f *testing.F) {
	for _, seed := range []string{"", explicit, generic, explicit + "&Patient.age=lt6&tag=a|b&GPRegistration=RegisteredOnly",
		strings.Replace(explicit, "|", "%20%7c%20", 1), generic + "&", "/Bundle?type=message&%zz=%", "/Bundle?type=message&amp;a=b",
		generic + "&tag=\xff", "/Bundle?type=message&MessageHeader.event=\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCriteria(text)
		if err != nil {
			var bad *CriteriaError
			if !errors.As(err, &bad) {
				t.Fatalf("an error of another kind: %v", err)
			}
			holdsNoPatient(t, err)
			return
		}
		back, err := ParseCriteria(c.Normal())
		if err != nil || back.Normal() != c.Normal() || c.Text != text {
			t.Fatalf("%q: normal form %q, read back: %v", text, c.Normal(), err)
		}
	})
}

func BenchmarkParseCriteria(b *testing.B) {
	text := explicit + "&serviceType=UHV&MessageHeader.event=nipe-outcome-1&Patient.age=gt5&Patient.age=lt19&tag=site123"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseCriteria(text); err != nil {
			b.Fatal(err)
		}
	}
}

// TestCountries: COUNTRYCODE takes the six codes of the page "Create Subscription".
func TestCountries(t *testing.T) {
	for _, code := range []string{"E92000001", "W92000004", "S92000003", "N92000002", "L93000001", "M83000003"} {
		c, err := ParseCriteria("/Bundle?type=message&subscriptionRuleType=COUNTRYCODE&Organization.identifier=" + code + "&MessageHeader.event=vaccinations-1")
		if err != nil || c.Key() != (RouteKey{ByCountry, code}) {
			t.Errorf("%s: %v, %v", code, c.Key(), err)
		}
	}
}
