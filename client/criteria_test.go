package client_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nems/client"
	"nems/internal/subscription"
)

func ExampleExplicit() {
	c := client.Explicit("9912003888").Event("vaccinations-1", "nipe-outcome-1").Tag("ward-7")
	fmt.Println(c.Search())
	fmt.Println(c) // no patient's number in what is printed
	// Output:
	// /Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=vaccinations-1&MessageHeader.event=nipe-outcome-1&tag=ward-7
	// [criteria of an explicit subscription]
}

func ExampleLocalAuthority() {
	fmt.Println(client.LocalAuthority("E08000035").Event("vaccinations-1").From(1).Under(5).RegisteredOnly().Search())
	// Output:
	// /Bundle?type=message&subscriptionRuleType=UHV_POSTCODE_LACODE&Organization.identifier=E08000035&MessageHeader.event=vaccinations-1&Patient.age=ge1&Patient.age=lt5&GPRegistration=RegisteredOnly
}

// Whatever is put into a criteria, the service reads it out of the search string.
func TestCriteriaAreReadAsMeant(t *testing.T) {
	rules := map[string]func(string) client.Criteria{
		subscription.RulePractice: client.Practice, subscription.RuleSubICBOfGP: client.SubICBOfPractice, subscription.RuleSubICBPostcode: client.SubICBOfHome,
	}
	rapid.Check(t, func(t *rapid.T) {
		tag := rapid.StringMatching(`[a-zA-Z0-9_|,-]{0,20}`).Draw(t, "tag")
		event := rapid.SampledFrom([]string{"vaccinations-1", "nipe-outcome-1"}).Draw(t, "event")
		rule := rapid.SampledFrom([]string{"", subscription.RulePractice, subscription.RuleSubICBOfGP, subscription.RuleSubICBPostcode}).Draw(t, "rule")
		low := rapid.IntRange(0, 60).Draw(t, "low")
		c, organisation := client.Explicit("9912003888"), ""
		if rule != "" {
			organisation = "B86056"
			c = rules[rule](organisation)
		}
		c = c.Event(event).From(low).UpTo(low + 5).Tag(tag)
		read, err := subscription.ParseCriteria(c.Search())
		if err != nil {
			t.Fatalf("%s: %v", c.Search(), err)
		}
		got := []string{read.Patient.Digits(), read.Rule, read.Organisation, strings.Join(read.Events, " "), read.Tag}
		want := []string{"9912003888", rule, organisation, event, tag}
		if rule != "" {
			want[0] = ""
		}
		if diff := cmp.Diff(want, got); diff != "" || len(read.Ages) != 2 {
			t.Errorf("%s: %d ages, %s", c.Search(), len(read.Ages), diff)
		}
	})
}

// No text that somebody hands in becomes another component.
func TestCriteriaKeepTextsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z0-9&=|%+#? ]{1,20}`).Draw(t, "text")
		read, err := subscription.ParseCriteria(client.Country("E92000001").Event("vaccinations-1").Tag(text).Search())
		if err == nil && (read.Tag != text || len(read.Ages) > 0 || len(read.Events) != 1) {
			t.Errorf("the tag %q was read as another one, or as more", text)
		}
	})
}
