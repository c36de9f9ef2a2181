package demographics

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"nems/internal/catalogue"
	"nems/internal/directory"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/nhs"
)

var begin = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func number(t interface{ Fatal(...any) }, s string) nhs.NHSNumber {
	n, err := nhs.ParseNHSNumber(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// known is a patient of whom only the directory knows.
func known(t interface{ Fatal(...any) }) Record {
	return FromDirectory(directory.Patient{
		NHSNumber: number(t, "9990000018"), Family: "O'Neil", Given: []string{"Ann", "Zoë"}, BirthDate: time.Date(1980, 2, 29, 0, 0, 0, 0, time.UTC),
		Postcode: "LS17 7DF", GP: "B86056",
	})
}

func TestDiff(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		first, edit Edit
		want        []string
	}{
		"nothing":                 {Edit{}, Edit{Family: "O'Neil"}, nil},
		"name":                    {Edit{}, Edit{Family: "Smith"}, []string{RecordChange}},
		"same practice":           {Edit{}, Edit{Practice: "B86056"}, nil},
		"phone":                   {Edit{}, Edit{Phone: "07700 900111"}, []string{RecordChange}},
		"registered elsewhere":    {Edit{}, Edit{Practice: "E82025"}, []string{ChangeOfGP, RecordChange}},
		"taken off the list":      {Edit{}, Edit{Left: true, Removal: "EMB"}, []string{ChangeOfGP, RecordChange}},
		"registered again":        {Edit{Left: true}, Edit{Practice: "B86056"}, []string{ChangeOfGP, RecordChange}},
		"moved":                   {Edit{}, Edit{Postcode: "EX2 5SE", Lines: []string{"1 Hill Road"}}, []string{ChangeOfAddress, RecordChange}},
		"address in other layout": {Edit{Postcode: "EX2 5SE", Lines: []string{"1 Hill Road", "Exeter"}}, Edit{Postcode: "ex25se", Lines: []string{"1, HILL ROAD,", "", "EXETER"}}, []string{RecordChange}},
		"same property":           {Edit{Postcode: "EX2 5SE", Lines: []string{"Flat 1"}, UPRN: "100"}, Edit{Postcode: "EX2 5SE", Lines: []string{"First floor"}, UPRN: "100"}, []string{RecordChange}},
		"another property":        {Edit{Postcode: "EX2 5SE", Lines: []string{"Flat 1"}, UPRN: "100"}, Edit{Postcode: "EX2 5SE", Lines: []string{"Flat 1"}, UPRN: "101"}, []string{ChangeOfAddress, RecordChange}},
		"moved and registered":    {Edit{}, Edit{Postcode: "EX2 5SE", Lines: []string{"1 Hill Road"}, Practice: "E82025"}, []string{ChangeOfGP, ChangeOfAddress, RecordChange}},
		"died":                    {Edit{}, Edit{Death: InformalDeath, DeathAt: "2026-03-01"}, []string{DeathNotification, RecordChange}},
		"formally":                {Edit{Death: InformalDeath}, Edit{Death: FormalDeath}, []string{DeathNotification, RecordChange}},
		"on another day":          {Edit{Death: FormalDeath, DeathAt: "2026-03-01"}, Edit{DeathAt: "2026-03-02"}, []string{RecordChange}},
		"lives":                   {Edit{Death: FormalDeath}, Edit{Death: RemovedDeath}, []string{DeathNotification, RecordChange}},
		"died after all":          {Edit{Death: RemovedDeath}, Edit{}, nil},
		"flagged":                 {Edit{}, Edit{Sensitive: &yes}, []string{RecordChange}},
		"flag removed":            {Edit{Sensitive: &yes}, Edit{Sensitive: &no}, []string{RecordChange}},
		"invalid":                 {Edit{}, Edit{Invalid: &yes}, []string{RecordChange}},
		"superseded":              {Edit{}, Edit{SupersededBy: "9990000026"}, []string{RecordChange}},
	} {
		before := known(t)
		if c.first.Death == RemovedDeath {
			first := Edit{Death: FormalDeath}
			if err := first.Apply(&before, begin); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.first.Apply(&before, begin); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		after := before.Clone()
		if err := c.edit.Apply(&after, begin.Add(time.Hour)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range []*Record{&before, &after} {
			if err := r.Check(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if got := Diff(&before, &after); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v; expected %v", name, got, c.want)
		}
	}
	r := known(t)
	if got := Diff(nil, &r); !slices.Equal(got, []string{ChangeOfGP, RecordChange}) {
		t.Errorf("a new record: %v", got)
	}
}

// A second home, a place to write to, or a note on either is no change of address (NEMS
// specification, "PDS Change of Address": the usual address alone makes one).
func TestOtherAddressesAreNoChangeOfAddress(t *testing.T) {
	before := known(t)
	for _, use := range []string{"temp", "billing"} {
		after := before.Clone()
		after.Addresses = append(after.Addresses, Address{ID: "NEW1", Use: use, Lines: []string{"1 Hill Road"}, Postcode: "EX2 5SE", Period: Period{Start: "2026-06-01", End: "2026-07-01"}})
		if got := Diff(&before, &after); !slices.Equal(got, []string{RecordChange}) {
			t.Errorf("%s: expected %v; received %v", use, []string{RecordChange}, got)
		}
	}
}

func TestEditsThatContradictAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ first, edit Edit }{
		"left":         {Edit{Left: true}, Edit{Left: true}},
		"removal":      {Edit{}, Edit{Removal: "EMB"}},
		"death":        {Edit{Death: FormalDeath}, Edit{Death: InformalDeath}},
		"deathAt":      {Edit{}, Edit{DeathAt: "2026-01-01"}},
		"postcode":     {Edit{}, Edit{Lines: []string{"1 High Street"}}},
		"birthDate":    {Edit{}, Edit{BirthDate: "1990-02-30"}},
		"death.at":     {Edit{}, Edit{Death: FormalDeath, DeathAt: "1970-01-01"}},
		"gender":       {Edit{}, Edit{Gender: "F"}},
		"supersededBy": {Edit{}, Edit{SupersededBy: "9990000018"}},
	} {
		r := known(t)
		if err := c.first.Apply(&r, begin); err != nil {
			t.Fatal(err)
		}
		err := c.edit.Apply(&r, begin)
		if err == nil {
			err = r.Check()
		}
		var wrong *InvalidError
		if !errors.As(err, &wrong) || wrong.Element != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// edits draws what may happen to a patient.
func edits() *rapid.Generator[Edit] {
	text := rapid.StringMatching(`[A-Z][a-zàéö'’-]{1,20}( [A-Z][a-z]{1,9})?`)
	postcode := rapid.SampledFrom([]string{"EX2 5SE", "LS1 4AP", "wf140bq", "ZZ99 3VZ"})
	return rapid.Custom(func(t *rapid.T) Edit {
		switch rapid.IntRange(0, 9).Draw(t, "deed") {
		case 0:
			return Edit{Family: text.Draw(t, "family"), Given: rapid.SliceOfN(text, 1, 3).Draw(t, "given")}
		case 1, 2:
			return Edit{Postcode: postcode.Draw(t, "postcode"), Lines: rapid.SliceOfN(text, 1, 5).Draw(t, "lines")}
		case 3, 4:
			return Edit{Practice: nhs.ODSCode(rapid.SampledFrom([]string{"B86056", "E82025", "Z99999"}).Draw(t, "practice"))}
		case 5:
			return Edit{Left: true, Removal: rapid.SampledFrom(append([]string{""}, Removals...)).Draw(t, "why")}
		case 6:
			return Edit{Death: rapid.SampledFrom(DeathStatus).Draw(t, "status"), DeathAt: rapid.SampledFrom([]string{"", "2026-03-01", "2026-03-01T04:05:06+01:00"}).Draw(t, "at")}
		case 7:
			return Edit{Sensitive: new(rapid.Bool().Draw(t, "S"))}
		case 8:
			return Edit{Phone: "07700 900111", Gender: rapid.SampledFrom(Genders).Draw(t, "gender")}
		}
		return Edit{Postcode: postcode.Draw(t, "postcode"), Lines: []string{"2 Hill Road"}, Practice: "E82025"}
	})
}

// Whatever happens to a patient, each message of it is valid at the level strict, and
// says to those who follow registrations what happened (NHS PRM's rules: without a
// practice and with a finished EpisodeOfCare a suspension, with a practice and
// without one a first registration).
func TestMessagesPassStrictAndSayWhatHappened(t *testing.T) {
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	organisations := map[nhs.ODSCode]directory.Organisation{
		"B86056": {Code: "B86056", Name: "THE PARK PRACTICE", SubICB: "15F"}, "15F": {Code: "15F", Name: "NHS WEST YORKSHIRE"}, "E82025": {Code: "E82025", Name: "SURGERY"},
	}
	rapid.Check(t, func(t *rapid.T) {
		record := known(t)
		record.SCN = 1
		for step, edit := range rapid.SliceOfN(edits(), 1, 6).Draw(t, "edits") {
			after, at := record.Clone(), begin.Add(time.Duration(step)*time.Hour)
			if edit.Apply(&after, at) != nil || after.Check() != nil {
				continue
			}
			codes := Diff(&record, &after)
			if len(codes) == 0 {
				continue
			}
			after.SCN, after.Updated = record.SCN+1, at
			w := Writer{Sent: at, By: "X26", ID: func(code string) string { return uuid.NewSHA1(uuid.Nil, []byte(code)).String() },
				Organisation: func(c nhs.ODSCode) (directory.Organisation, error) {
					if o, is := organisations[c]; is {
						return o, nil
					}
					return directory.Organisation{}, directory.ErrNotFound
				}}
			for _, code := range codes {
				message, err := w.Message(code, &record, &after)
				if err != nil {
					t.Fatalf("%s: %v", code, err)
				}
				doc, findings, err := fhir.ParseXML(message)
				if err != nil {
					t.Fatal(err)
				}
				eventType, _ := types.Type(code)
				for _, f := range append(findings, eventType.Judge(doc, catalogue.Strict).Findings...) {
					t.Errorf("%s: %s at %s: %s\n%s", code, f.Rule, f.Expression, f.Text, message)
				}
				if code == ChangeOfGP {
					checkRegistration(t, message, &record, &after)
				}
				if e, _ := event.Read(doc); e.Code != code || e.Routing.NHSNumber != record.NHSNumber.Digits() || e.Routing.Family != after.Usual().Family {
					t.Errorf("%s: read back as %s about %s", code, e.Code, e.Routing.Family)
				}
			}
			record = after
		}
	})
}

func checkRegistration(t *rapid.T, message []byte, before, after *Record) {
	has := func(s string) bool { return strings.Contains(string(message), s) }
	if has("<generalPractitioner>") != (after.Practice != nil) || has("<EpisodeOfCare") != (before.Practice != nil) || has(`<status value="finished"/>`) != (before.Practice != nil) {
		t.Errorf("from %q to %q:\n%s", before.PracticeCode(), after.PracticeCode(), message)
	}
}
