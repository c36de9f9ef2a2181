package access

import (
	"fmt"
	"testing"

	"nems/internal/nhs"
	"nems/internal/refuse"
)

// The systems of the tests.
var (
	subscriber = System{
		ASID: "200000000115", ODSCodes: []nhs.ODSCode{"RR8"}, CertificateNames: []string{"rr8.example.nhs.uk"},
		Interactions: []string{CreateInteraction, ReadInteraction, DeleteInteraction},
		Kinds:        []SubscriptionKind{Explicit}, EventTypes: []string{"vaccinations-1"}, Mailboxes: []string{"MAILBOX1234"},
	}
	publisher = System{
		ASID: "300000000161", ODSCodes: []nhs.ODSCode{"A83627", "B86056"}, CertificateNames: []string{"gp.example.nhs.uk"},
		Interactions: []string{"urn:nhs:names:services:events:*"},
	}
)

// Of all tuples of 6 certificates, ASIDs, organisations and mailboxes exactly
// the registered ones pass: 6 systems, the last of which acts for two
// organisations, each with its own mailbox.
func TestGateAdmitsExactlyTheRegisteredTuples(t *testing.T) {
	const n = 6
	certificate := func(i int) string { return fmt.Sprintf("host%d.example.nhs.uk", i) }
	asid := func(i int) nhs.ASID { return nhs.ASID(fmt.Sprintf("%012d", 100000000000+i)) }
	ods := func(i int) nhs.ODSCode { return nhs.ODSCode(fmt.Sprintf("RX%d", i)) }
	mailbox := func(i int) string { return fmt.Sprintf("RX%dOT001", i) }
	systems := make([]System, n)
	for i := range n {
		systems[i] = System{
			ASID: asid(i), CertificateNames: []string{certificate(i)}, ODSCodes: []nhs.ODSCode{ods(i)},
			Mailboxes: []string{mailbox(i)}, Interactions: []string{CreateInteraction},
		}
	}
	systems[5].ODSCodes = append(systems[5].ODSCodes, ods(0))
	systems[5].Mailboxes = append(systems[5].Mailboxes, mailbox(0))

	registered := map[[4]int]bool{{5, 5, 0, 0}: true}
	for i := range n {
		registered[[4]int{i, i, i, i}] = true
	}
	tried, passed := 0, 0
	for c := range n {
		for a := range n {
			for o := range n {
				for m := range n {
					refusal := systems[a].Gate(Tuple{
						Certificate: []string{certificate(c)}, ASID: asid(a), ODS: ods(o),
						Interaction: CreateInteraction, Mailbox: mailbox(m), MailboxODS: ods(m),
					})
					tried++
					if refusal == nil {
						passed++
					}
					if (refusal == nil) != registered[[4]int{c, a, o, m}] {
						t.Errorf("certificate %d, ASID %d, organisation %d, mailbox %d: %v", c, a, o, m, refusal)
					}
				}
			}
		}
	}
	if tried != 1296 || passed != 7 {
		t.Errorf("%d tuples tried, %d passed", tried, passed)
	}
}

func TestGateAnswers(t *testing.T) {
	good := Tuple{
		Certificate: []string{"RR8.EXAMPLE.nhs.uk"}, ASID: subscriber.ASID, ODS: "RR8", Interaction: CreateInteraction,
		Mailbox: "mailbox1234", MailboxODS: "RR8",
	}
	for name, row := range map[string]struct {
		change func(*System, *Tuple)
		code   refuse.Code
	}{
		"all registered":       {func(*System, *Tuple) {}, ""},
		"no mailbox":           {func(_ *System, t *Tuple) { t.Mailbox, t.MailboxODS = "", "" }, ""},
		"no certificate":       {func(_ *System, t *Tuple) { t.Certificate = nil }, ""},
		"any mailbox":          {func(s *System, t *Tuple) { s.Mailboxes, t.Mailbox = []string{"*"}, "RR8OT002" }, ""},
		"no system":            {func(s *System, _ *Tuple) { *s = System{} }, refuse.ASIDCheckFailedCode},
		"no system, no ASID":   {func(s *System, t *Tuple) { *s, t.ASID = System{}, "" }, refuse.ASIDCheckFailedCode},
		"another system":       {func(s *System, _ *Tuple) { *s = publisher }, refuse.ASIDCheckFailedCode},
		"revoked":              {func(s *System, _ *Tuple) { s.Revoked = true }, refuse.ASIDCheckFailedCode},
		"nameless certificate": {func(_ *System, t *Tuple) { t.Certificate = []string{} }, refuse.AccessDeniedCode},
		"no names registered":  {func(s *System, _ *Tuple) { s.CertificateNames = nil }, refuse.AccessDeniedCode},
		"other interaction":    {func(_ *System, t *Tuple) { t.Interaction = PublishInteraction("Vaccinations") }, refuse.ASIDCheckFailedCode},
		"no interactions":      {func(s *System, _ *Tuple) { s.Interactions = nil }, refuse.ASIDCheckFailedCode},
		"other organisation":   {func(_ *System, t *Tuple) { t.ODS = "X26" }, refuse.AccessDeniedCode},
		"no organisation":      {func(_ *System, t *Tuple) { t.ODS = "" }, refuse.AccessDeniedCode},
		"other mailbox":        {func(_ *System, t *Tuple) { t.Mailbox = "MAILBOX1235" }, refuse.AccessDeniedCode},
		"unknown mailbox":      {func(_ *System, t *Tuple) { t.MailboxODS = "" }, refuse.AccessDeniedCode},
		"mailbox of another":   {func(s *System, t *Tuple) { s.Mailboxes, t.MailboxODS = []string{"*"}, "X26" }, refuse.AccessDeniedCode},
	} {
		system, tuple := subscriber, good
		row.change(&system, &tuple)
		refusal := system.Gate(tuple)
		if refusal == nil && row.code != "" || refusal != nil && refusal.Code() != row.code {
			t.Errorf("%s: got %v, want %q", name, refusal, row.code)
		}
	}
}

func TestInteractionPatterns(t *testing.T) {
	for pattern, want := range map[string][3]bool{ // valid, covers create, covers publish
		"*":                                      {true, true, true},
		"urn:nhs:names:services:*":               {true, true, true},
		"urn:nhs:names:services:events:*":        {true, false, true},
		"urn:nhs:names:services:events:Vacc*":    {true, false, true},
		"urn:nhs:names:services:events:Newborn*": {true, false, false},
		PublishInteraction("Vaccinations"):       {true, false, true},
		PublishInteraction("vaccinations-1"):     {true, false, false},
		CreateInteraction:                        {true, true, false},
		"urn:nhs:names:services:clinicals-sync:": {false, false, false},
		"urn:other:*":                            {false, false, false},
		"":                                       {false, false, false},
	} {
		s := subscriber
		s.Interactions = []string{pattern}
		got := [3]bool{s.Validate() == nil, s.registeredFor(CreateInteraction), s.registeredFor(PublishInteraction("Vaccinations"))}
		if got != want {
			t.Errorf("%q: got %v, want %v", pattern, got, want)
		}
	}
}

func TestCallerMay(t *testing.T) {
	claimed := Caller{System: subscriber, ASID: subscriber.ASID, ODS: "RR8", Claimed: true, Interaction: Interaction{ID: CreateInteraction}}
	claimed.Certificate = "rr8.example.nhs.uk"
	two := claimed
	two.System.ODSCodes = []nhs.ODSCode{"RR8", "X26"}
	two.System.Mailboxes = []string{"*"}
	unclaimed := two
	unclaimed.Claimed = false
	spine := Caller{System: System{ASID: "477121000323", Spine: true}, ASID: "477121000323"}
	for name, row := range map[string]struct {
		got  *refuse.Refusal
		code refuse.Code
	}{
		"delete in a batch":             {claimed.May(DeleteInteraction), ""},
		"publish in a batch":            {claimed.May(PublishInteraction("Vaccinations")), refuse.ASIDCheckFailedCode},
		"own":                           {claimed.Owns("RR8"), ""},
		"another's":                     {claimed.Owns("X26"), refuse.AccessDeniedCode},
		"the other organisation's":      {two.Owns("X26"), refuse.AccessDeniedCode},
		"any of its own":                {unclaimed.Owns("X26"), ""},
		"nobody's of its own":           {unclaimed.Owns("A83627"), refuse.AccessDeniedCode},
		"own mailbox":                   {claimed.MayOwn("RR8", "mailbox1234", "RR8"), ""},
		"own mailbox, other contact":    {claimed.MayOwn("X26", "MAILBOX1234", "RR8"), refuse.AccessDeniedCode},
		"another's mailbox":             {claimed.MayOwn("RR8", "X26ABC1", "X26"), refuse.AccessDeniedCode},
		"unknown mailbox":               {claimed.MayOwn("RR8", "NOWHERE", ""), refuse.AccessDeniedCode},
		"its organisations mixed":       {unclaimed.MayOwn("X26", "MAILBOX1234", "RR8"), refuse.AccessDeniedCode},
		"its second organisation":       {unclaimed.MayOwn("X26", "X26ABC1", "X26"), ""},
		"explicit":                      {claimed.MaySubscribe(Explicit, "vaccinations-1"), ""},
		"generic":                       {claimed.MaySubscribe(Generic, "vaccinations-1"), refuse.AccessDeniedCode},
		"other event type":              {claimed.MaySubscribe(Explicit, "vaccinations-1", "nipe-outcome-1"), refuse.AccessDeniedCode},
		"publish":                       {claimed.MayPublish("vaccinations-1", false), ""},
		"publish another type":          {claimed.MayPublish("nipe-outcome-1", false), refuse.AccessDeniedCode},
		"publish what is the Spine's":   {claimed.MayPublish("vaccinations-1", true), refuse.AccessDeniedCode},
		"the Spine publishes":           {spine.MayPublish("pds-change-of-gp-1", true), ""},
		"no event types means every":    {spine.MayPublish("newborn-hearing-1", false), ""},
		"nothing said of subscriptions": {spine.MaySubscribe(Explicit), refuse.AccessDeniedCode},
	} {
		if row.got == nil && row.code != "" || row.got != nil && row.got.Code() != row.code {
			t.Errorf("%s: got %v, want %q", name, row.got, row.code)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*System){
		"ASID":         func(s *System) { s.ASID = "1" },
		"no ODS code":  func(s *System) { s.ODSCodes = nil },
		"ODS code":     func(s *System) { s.ODSCodes = []nhs.ODSCode{"rr8"} },
		"kind":         func(s *System) { s.Kinds = []SubscriptionKind{"both"} },
		"certificate":  func(s *System) { s.CertificateNames = []string{""} },
		"event type":   func(s *System) { s.EventTypes = []string{" x"} },
		"mailbox":      func(s *System) { s.Mailboxes = []string{"A "} },
		"interactions": func(s *System) { s.Interactions = []string{"POST"} },
	} {
		s := subscriber
		change(&s)
		if s.Validate() == nil {
			t.Errorf("%s: a wrong registration is valid", name)
		}
	}
}
