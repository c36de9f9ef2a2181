package subscription_test

import (
	"errors"
	"slices"
	"testing"

	"nems/internal/subscription"
)

func TestMNSCriteria(t *testing.T) {
	for text, want := range map[string]struct {
		key    subscription.RouteKey
		events []string
		normal string
	}{
		"eventType=pds-change-of-gp-2":    {subscription.Everybody, []string{"mns.pds-change-of-gp-2", "pds-change-of-gp-1"}, ""},
		"eventType='nhs-number-change-2'": {subscription.Everybody, []string{"mns.nhs-number-change-2", "pds-record-change-1"}, "eventType=nhs-number-change-2"},
		"eventType=example-event-1":       {subscription.Everybody, []string{"mns.example-event-1"}, ""},
		"eventType='gpreg-change-gp-req-1' AND generalpractitioner_manufacturer_org='Y12345' AND registrationencountercode='3'": {
			subscription.Everybody, []string{"mns.gpreg-change-gp-req-1"},
			"eventType=gpreg-change-gp-req-1 AND generalpractitioner_manufacturer_org='Y12345' AND registrationencountercode='3'"},
		"eventType=imms-vaccination-record-change-1 AND subjectage=17 AND generalpractitioner='b86056'": {
			subscription.RouteKey{Kind: subscription.ByPractice, Value: "B86056"}, []string{"mns.imms-vaccination-record-change-1", "vaccinations-1"},
			"eventType=imms-vaccination-record-change-1 AND generalpractitioner='B86056' AND subjectage='17'"},
		"eventType=pds-record-change-2 AND registeredgpodscode=B86056 AND nhsnumber='990 000 0018'": {
			subscription.RouteKey{Kind: subscription.ByPatient, Value: "9900000018"}, nil, ""},
	} {
		c, err := subscription.ReadCriteria(text)
		if text == "eventType=pds-record-change-2 AND registeredgpodscode=B86056 AND nhsnumber='990 000 0018'" {
			var wrong *subscription.CriteriaError
			if !errors.As(err, &wrong) || !wrong.NHSNumber {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if want.normal == "" {
			want.normal = text
		}
		events := c.EventCodes()
		if err != nil || c.Key() != want.key || !slices.Equal(events, want.events) || c.Normal() != want.normal || c.Text != text {
			t.Errorf("%s: %v %v %s, %v", text, c.Key(), events, c.Normal(), err)
		}
		if again, err := subscription.ReadCriteria(c.Normal()); err != nil || again.Normal() != c.Normal() {
			t.Errorf("%s: its normal form is not normal: %v", text, err)
		}
	}
}

func TestWrongMNSCriteria(t *testing.T) {
	for _, text := range []string{
		"eventType=", "eventType=''", "eventType='pds-change-of-gp-2", "eventType=pds-change-of-gp", "eventType=pds change-1",
		"eventType=a-1 AND", "eventType=a-1 OR b='c'", "eventType='a-1' b='c'", "eventType=a-1 AND b", "eventType=a-1 AND b=", "eventType=a-1 AND =c",
		"eventType=a-1 AND b='c' AND", "eventType=a-1 AND generalpractitioner='not a code'", "eventType=a-1 AND nhsnumber='123'", "eventtype=a-1", "",
	} {
		var wrong *subscription.CriteriaError
		if c, err := subscription.ParseMNSCriteria(text); !errors.As(err, &wrong) {
			t.Errorf("%q: %v, %v", text, c.MNS, err)
		}
	}
	if _, err := subscription.ParseCriteria("/Bundle?type=message&subscriptionRuleType=EVERYBODY&Organization.identifier=X26&MessageHeader.event=vaccinations-1"); err == nil {
		t.Error("criteria of the NEMS can ask for everybody")
	}
	if _, err := subscription.ParseCriteria("eventType=a-1"); err == nil {
		t.Error("the NEMS takes criteria of the MNS")
	}
}

func TestMNSFilters(t *testing.T) {
	c, err := subscription.ParseMNSCriteria("eventType=a-1 AND action='CREATE' AND subjectage=17")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		attributes map[string][]string
		fits       bool
	}{
		{nil, false},
		{map[string][]string{"action": {"CREATE"}}, false},
		{map[string][]string{"action": {"UPDATE", "CREATE"}, "subjectage": {"17"}, "other": {"x"}}, true},
		{map[string][]string{"action": {"CREATE"}, "subjectage": {"170"}}, false},
	} {
		fits := true
		for _, f := range c.MNS.Filters {
			found := f.Explain(test.attributes)
			if fits = fits && found.Holds; !found.Criterion.OfPublisher() {
				t.Errorf("%s is not of the publisher", found.Criterion)
			}
		}
		if fits != test.fits {
			t.Errorf("%v: %t", test.attributes, fits)
		}
	}
}

// A filter by a patient is explained without a number, and that by a place is not what
// any subscriber may be told of.
func TestMNSFiltersExplained(t *testing.T) {
	for name, test := range map[string]struct {
		filter        subscription.Filter
		there         []string
		wanted, found string
	}{
		"this patient":    {subscription.Filter{Name: subscription.FilterNHSNumber, Value: "9912003888"}, []string{"9912003888"}, "one patient", "this patient"},
		"another patient": {subscription.Filter{Name: subscription.FilterNHSNumber, Value: "9912003888"}, []string{"9912003071"}, "one patient", "another patient"},
		"a practice":      {subscription.Filter{Name: subscription.FilterPractice, Value: "B86056"}, []string{"E82025", "B86056"}, "B86056", "E82025 and B86056"},
		"not said":        {subscription.Filter{Name: subscription.FilterRegisteredGP, Value: "B86056"}, nil, "B86056", "not said"},
	} {
		t.Run(name, func(t *testing.T) {
			got := test.filter.Explain(map[string][]string{test.filter.Name: test.there})
			if got.Wanted != test.wanted || got.Found != test.found || got.Criterion.OfPublisher() {
				t.Errorf("%+v", got)
			}
		})
	}
}
