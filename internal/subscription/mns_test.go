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
		if got := c.MNS.Fits(test.attributes); got != test.fits {
			t.Errorf("%v: %t", test.attributes, got)
		}
	}
}
