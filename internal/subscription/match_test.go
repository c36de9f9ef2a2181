package subscription

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	acceptance = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	yes, no    = true, false
	home       = RouteKey{BySubICBPostcode, "15F"}
	person     = RouteKey{ByPatient, aNumber}
)

// numbered returns an id that is ordered by its number.
func numbered(n byte) ID { return ID{15: n} }

// candidate returns a candidate that matches facts, and then changes it.
func candidate(n byte, change ...func(*Candidate)) Candidate {
	c := Candidate{ID: numbered(n), Mailbox: 1, Key: person, Status: Active}
	for _, f := range change {
		f(&c)
	}
	return c
}

func facts(change ...func(*Facts)) Facts {
	f := Facts{
		EventCode: "vaccinations-1", Keys: []RouteKey{person, home},
		BirthDate: time.Date(2017, 10, 2, 0, 0, 0, 0, time.UTC), Registered: &yes, At: acceptance,
	}
	for _, c := range change {
		c(&f)
	}
	return f
}

func TestMatchFilters(t *testing.T) {
	born := func(year, month, day int) func(*Facts) {
		return func(f *Facts) { f.BirthDate = time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC) }
	}
	at := func(text string) func(*Facts) {
		return func(f *Facts) {
			var err error
			if f.At, err = time.Parse(time.RFC3339Nano, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	nobody := func(f *Facts) { f.BirthDate, f.Registered = time.Time{}, nil }
	ages := func(a ...Age) func(*Candidate) { return func(c *Candidate) { c.Ages = a } }
	only := func(r Registration) func(*Candidate) { return func(c *Candidate) { c.Registration = r } }
	status := func(s Status) func(*Candidate) { return func(c *Candidate) { c.Status = s } }
	end := func(d time.Duration) func(*Candidate) { return func(c *Candidate) { c.End = acceptance.Add(d) } }
	key := func(k RouteKey) func(*Candidate) { return func(c *Candidate) { c.Key = k } }
	as := func(*Candidate) {}
	same := func(*Facts) {}

	for name, test := range map[string]struct {
		candidate func(*Candidate)
		facts     func(*Facts)
		want      bool
	}{
		"its patient":                         {as, same, true},
		"its place":                           {key(home), same, true},
		"another patient":                     {key(RouteKey{ByPatient, "9990000034"}), same, false},
		"the code under another kind":         {key(RouteKey{BySubICBOfGP, "15F"}), same, false},
		"no keys":                             {as, func(f *Facts) { f.Keys = nil }, false},
		"waits for approval":                  {status(Requested), same, false},
		"off":                                 {status(Off), same, false},
		"no status":                           {status(""), same, false},
		"ends later":                          {end(time.Nanosecond), same, true},
		"ends now":                            {end(0), same, false},
		"has ended":                           {end(-time.Nanosecond), same, false},
		"ends now, said in another zone":      {func(c *Candidate) { c.End = acceptance.In(time.FixedZone("", 3600)) }, same, false},
		"day before the birthday":             {ages(Age{Less, 14}), both(born(2012, 6, 16), at("2026-06-15T22:59:59.999Z")), true},
		"birthday, midnight in summer time":   {ages(Age{Less, 14}), both(born(2012, 6, 16), at("2026-06-15T23:00:00Z")), false},
		"birthday, midnight in winter":        {ages(Age{Less, 14}), both(born(2012, 1, 16), at("2026-01-16T00:00:00Z")), false},
		"day before the birthday in winter":   {ages(Age{Less, 14}), both(born(2012, 1, 16), at("2026-01-15T23:59:59Z")), true},
		"14 is not less than 14":              {ages(Age{Less, 14}), born(2012, 6, 15), false},
		"14 is at most 14":                    {ages(Age{LessOrEqual, 14}), born(2012, 6, 15), true},
		"14 is at least 14":                   {ages(Age{GreaterOrEqual, 14}), born(2012, 6, 15), true},
		"14 is not more than 14":              {ages(Age{Greater, 14}), born(2012, 6, 15), false},
		"15 is more than 14":                  {ages(Age{Greater, 14}), born(2011, 6, 15), true},
		"14 until the day before":             {ages(Age{Equal, 14}), born(2011, 6, 16), true},
		"13 is not 14":                        {ages(Age{Equal, 14}), born(2012, 6, 16), false},
		"more than 5 and less than 19: 5":     {ages(Age{Greater, 5}, Age{Less, 19}), born(2021, 6, 15), false},
		"more than 5 and less than 19: 6":     {ages(Age{Greater, 5}, Age{Less, 19}), born(2020, 6, 15), true},
		"more than 5 and less than 19: 18":    {ages(Age{Greater, 5}, Age{Less, 19}), born(2007, 6, 16), true},
		"more than 5 and less than 19: 19":    {ages(Age{Greater, 5}, Age{Less, 19}), born(2007, 6, 15), false},
		"born on 29 February: 28 February":    {ages(Age{Equal, 14}), both(born(2012, 2, 29), at("2027-02-28T12:00:00Z")), true},
		"born on 29 February: 1 March":        {ages(Age{Equal, 15}), both(born(2012, 2, 29), at("2027-03-01T00:00:00Z")), true},
		"born on 29 February: in a leap year": {ages(Age{Equal, 16}), both(born(2012, 2, 29), at("2028-02-29T00:00:00Z")), true},
		"born today":                          {ages(Age{Less, 1}), born(2026, 6, 15), true},
		"born tomorrow, says PDS":             {ages(Age{Equal, 0}), born(2026, 6, 16), true},
		"a hundred and five":                  {ages(Age{Greater, 60}), born(1921, 1, 1), true},
		"age not known":                       {ages(Age{GreaterOrEqual, 0}), nobody, false},
		"age not asked for":                   {as, nobody, true},
		"registered":                          {only(RegisteredOnly), same, true},
		"not registered":                      {only(RegisteredOnly), func(f *Facts) { f.Registered = &no }, false},
		"registration not known":              {only(RegisteredOnly), nobody, false},
		"unregistered wanted and found":       {only(UnregisteredOnly), func(f *Facts) { f.Registered = &no }, true},
		"unregistered wanted, registered":     {only(UnregisteredOnly), same, false},
		"unregistered wanted, not known":      {only(UnregisteredOnly), nobody, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := Match([]Candidate{candidate(1, test.candidate)}, facts(test.facts))
			if matched := len(got) == 1; matched != test.want || len(got) > 1 {
				t.Errorf("Match = %v, want a copy: %t", got, test.want)
			}
		})
	}
}

func TestEnded(t *testing.T) {
	for end, want := range map[time.Duration]bool{-1: true, 0: true, 1: false} {
		if got := (Subscription{End: acceptance.Add(end)}).Ended(acceptance); got != want {
			t.Errorf("%d ns from now: Ended = %t", end, got)
		}
	}
	if (Subscription{}).Ended(acceptance) {
		t.Error("a subscription without an end has ended")
	}
}

func both(a, b func(*Facts)) func(*Facts) { return func(f *Facts) { a(f); b(f) } }

func TestMatchMerges(t *testing.T) {
	tag := func(s string) func(*Candidate) { return func(c *Candidate) { c.Tag = s } }
	mailbox := func(n int64) func(*Candidate) { return func(c *Candidate) { c.Mailbox = n } }
	got := Match([]Candidate{
		candidate(5, mailbox(2), tag("other")),
		candidate(4, tag("late|a,b")),
		candidate(3),
		candidate(1, tag("early")),
		candidate(4, tag("late|a,b")), // returned twice
		candidate(6, mailbox(3)),
		candidate(2, tag("refused"), func(c *Candidate) { c.Status = Off }),
	}, facts())
	want := []Copy{
		{Mailbox: 1, Subscriptions: []ID{numbered(1), numbered(3), numbered(4)},
			PartnerID: numbered(1).String() + "|early~~~" + numbered(4).String() + "|late|a,b"},
		{Mailbox: 2, Subscriptions: []ID{numbered(5)}, PartnerID: numbered(5).String() + "|other"},
		{Mailbox: 3, Subscriptions: []ID{numbered(6)}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Match = %+v\nwant %+v", got, want)
	}
	if got := Match(nil, facts()); got != nil {
		t.Errorf("Match of nothing = %v", got)
	}
}

func anyCandidate() *rapid.Generator[Candidate] {
	return rapid.Custom(func(t *rapid.T) Candidate {
		n := byte(rapid.IntRange(1, 40).Draw(t, "id"))
		// Everything else depends on the id, as it does in a store.
		return Candidate{
			ID: numbered(n), Mailbox: int64(n % 5), Key: []RouteKey{person, home, {ByCountry, "E92000001"}}[n%3],
			Status: []Status{Active, Active, Off}[n/3%3], Tag: strings.Repeat("t", int(n%4)),
			Ages: [][]Age{nil, {{Less, 9}}, {{Greater, 9}}}[n/7%3], Registration: Registration(n / 2 % 3),
		}
	})
}

func TestMatchProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cs := rapid.SliceOfN(anyCandidate(), 0, 60).Draw(t, "candidates")
		before := slices.Clone(cs)
		f := facts()
		got := Match(cs, f)
		if !reflect.DeepEqual(cs, before) {
			t.Fatal("Match changed its candidates")
		}
		if other := Match(rapid.Permutation(cs).Draw(t, "order"), f); !reflect.DeepEqual(got, other) {
			t.Fatalf("the order of candidates matters:\n%v\n%v", got, other)
		}
		asked := map[int64]map[ID]bool{}
		for _, c := range cs {
			if single := Match([]Candidate{c}, f); len(single) == 1 {
				if asked[c.Mailbox] == nil {
					asked[c.Mailbox] = map[ID]bool{}
				}
				asked[c.Mailbox][c.ID] = true
			}
		}
		if len(got) != len(asked) {
			t.Fatalf("%d copies for %d mailboxes", len(got), len(asked))
		}
		for i, c := range got {
			if i > 0 && got[i-1].Mailbox >= c.Mailbox {
				t.Fatal("two copies for a mailbox, or mailboxes out of order")
			}
			sorted := slices.IsSortedFunc(c.Subscriptions, func(a, b ID) int { return strings.Compare(a.String(), b.String()) })
			if len(c.Subscriptions) != len(asked[c.Mailbox]) || !sorted {
				t.Fatalf("mailbox %d lists %v, asked: %v", c.Mailbox, c.Subscriptions, asked[c.Mailbox])
			}
		}
	})
}

func TestCapPartnerID(t *testing.T) {
	pair := strings.Repeat("0", 32) + "|" + strings.Repeat("t", 100)
	four := strings.Join([]string{pair, pair, pair, pair}, "~~~")
	for _, test := range []struct {
		text    string
		max     int
		want    string
		dropped int
	}{
		{"", 500, "", 0},
		{"a|b", 3, "a|b", 0},
		{"a|b", 2, "", 1},
		{"a|b~~~c|d", 9, "a|b~~~c|d", 0},
		{"a|b~~~c|d", 8, "a|b", 1},
		{"a|b~~~c|d", 0, "", 2},
		{four, 500, four[:3*133+2*3], 1},
		{four, len(four), four, 0},
	} {
		if got, dropped := CapPartnerID(test.text, test.max); got != test.want || dropped != test.dropped {
			t.Errorf("CapPartnerID(%q, %d) = %q, %d; want %q, %d", test.text, test.max, got, dropped, test.want, test.dropped)
		}
	}
}

// At any time, nobody grows younger, and age grows by one at most.
func TestYearsOldGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		birth := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 45000).Draw(t, "birth"))
		at := birth.Add(time.Duration(rapid.Int64Range(0, 110*366*24*60).Draw(t, "minutes")) * time.Minute)
		age := YearsOld(birth, at)
		if next := YearsOld(birth, at.AddDate(0, 0, 1)); next != age && next != age+1 {
			t.Fatalf("%s at %s: %d, a day later %d", birth, at, age, next)
		}
		if next := YearsOld(birth, at.Add(366*24*time.Hour)); next != age+1 && next != age+2 {
			t.Fatalf("%s at %s: %d, a leap year later %d", birth, at, age, next)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	var cs []Candidate
	for n := range byte(12) {
		cs = append(cs, candidate(n, func(c *Candidate) { c.Mailbox, c.Tag, c.Ages = int64(n%4), "site", []Age{{Less, 19}} }))
	}
	f := facts()
	b.ReportAllocs()
	for b.Loop() {
		if len(Match(cs, f)) != 4 {
			b.Fatal("wrong")
		}
	}
}
