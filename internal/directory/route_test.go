package directory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/nhs"
	"nems/internal/subscription"
)

func world(t testing.TB) *devworld.World {
	t.Helper()
	w, err := devworld.New()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func number(t testing.TB, digits string) nhs.NHSNumber {
	t.Helper()
	n, err := nhs.ParseNHSNumber(digits)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// spelt writes route keys as the digit of their kind and their value, in a fixed order.
func spelt(keys []subscription.RouteKey) string {
	var out []string
	for _, k := range keys {
		out = append(out, string('0'+byte(k.Kind))+":"+k.Value)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestRoute(t *testing.T) {
	jack, baby := number(t, "9912003888"), number(t, "9990000212")
	for name, test := range map[string]struct {
		subject    directory.Subject
		keys       string
		registered string // "yes", "no" or "not known"
		born       string
		withheld   bool
	}{
		"everything known": {directory.Subject{NHSNumber: jack},
			"1:9912003888 2:B86056 3:02V 4:15F 5:E08000035 6:E92000001", "yes", "2017-10-02", false},
		"moved house": {directory.Subject{NHSNumber: jack, OldPostcodes: []string{"wf140bq"}},
			"1:9912003888 2:B86056 3:02V 4:15F 4:X2C4Y 5:E08000034 5:E08000035 6:E92000001", "yes", "2017-10-02", false},
		"moved within the area": {directory.Subject{NHSNumber: jack, OldPostcodes: []string{"LS1 4AP", "nowhere", ""}},
			"1:9912003888 2:B86056 3:02V 4:15F 5:E08000035 6:E92000001", "yes", "2017-10-02", false},
		"moved from another country": {directory.Subject{NHSNumber: jack, OldPostcodes: []string{"CF10 1EP"}},
			"1:9912003888 2:B86056 3:02V 4:15F 5:E08000035 5:W06000015 6:E92000001 6:W92000004", "yes", "2017-10-02", false},
		"what the message says does not count": {directory.Subject{NHSNumber: jack, Postcodes: []string{"EX2 5SE"}, Practices: []nhs.ODSCode{"E82025"}, Baby: baby, BirthDate: time.Unix(0, 0)},
			"1:9912003888 2:B86056 3:02V 4:15F 5:E08000035 6:E92000001", "yes", "2017-10-02", false},
		"superseded": {directory.Subject{NHSNumber: number(t, "9990000042")},
			"1:9990000042 2:B85612 3:03J 4:X2C4Y 5:E08000034 6:E92000001", "yes", "1988-08-19", false},
		"superseded by a flagged record": {directory.Subject{NHSNumber: number(t, "9990000220")},
			"1:9990000220 2:B86056 3:02V 4:15F 5:E08000035 6:E92000001", "yes", "1979-03-08", true},
		"flagged S":   {directory.Subject{NHSNumber: number(t, "9990000026")}, "1:9990000026 2:B86056 3:02V 4:15F 5:E08000035 6:E92000001", "yes", "1979-03-08", true},
		"flagged I":   {directory.Subject{NHSNumber: number(t, "9990000034")}, "1:9990000034 2:B86056 3:02V 4:15F 5:E08000035 6:E92000001", "yes", "1991-12-01", true},
		"no GP":       {directory.Subject{NHSNumber: number(t, "9990000069")}, "1:9990000069 4:15F 5:E08000035 6:E92000001", "no", "1975-04-23", false},
		"no postcode": {directory.Subject{NHSNumber: number(t, "9990000077")}, "1:9990000077 2:B86056 3:02V", "yes", "1969-09-30", false},
		"postcode that nobody knows": {directory.Subject{NHSNumber: number(t, "9990000263")},
			"1:9990000263 2:B86999 3:15F", "yes", "1932-04-01", false},
		"Wales":  {directory.Subject{NHSNumber: number(t, "9990000085")}, "1:9990000085 2:W99010 5:W06000015 6:W92000004", "yes", "1994-01-17", false},
		"Jersey": {directory.Subject{NHSNumber: number(t, "9990000115")}, "1:9990000115 6:L93000001", "no", "1958-02-14", false},
		"no birth date": {directory.Subject{NHSNumber: number(t, "9990000255")},
			"1:9990000255 2:B86056 3:02V 4:15F 5:E08000035 6:E92000001", "yes", "", false},
		"birth, mother known": {directory.Subject{NHSNumber: number(t, "9990000204"), Baby: baby},
			"1:9990000204 2:E82025 3:06N 4:06N 5:E07000240 6:E92000001", "yes", "1995-05-05", false},
		"birth, only the baby known": {directory.Subject{Baby: baby, Postcodes: []string{"EX2 5SE"}, BirthDate: time.Unix(0, 0)},
			"4:06N 5:E07000240 6:E92000001", "not known", "", false},
		"birth, the baby's record has no postcode": {directory.Subject{Baby: number(t, "9990000077"), Postcodes: []string{"EX2 5SE"}},
			"4:15N 5:E07000041 6:E92000001", "not known", "", false},
		"birth, the baby is not known": {directory.Subject{Baby: number(t, "9990000018"), Postcodes: []string{"EX2 5SE"}, Practices: []nhs.ODSCode{"E82025"}},
			"3:06N 4:15N 5:E07000041 6:E92000001", "yes", "", false},
		"birth, the baby is flagged": {directory.Subject{Baby: number(t, "9990000026")}, "4:15F 5:E08000035 6:E92000001", "not known", "", true},
		"birth, nothing known":       {directory.Subject{}, "", "not known", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := world(t).Router().Route(t.Context(), test.subject)
			if err != nil {
				t.Fatal(err)
			}
			if spelt(got.Keys) != test.keys {
				t.Errorf("keys %s\nwant %s", spelt(got.Keys), test.keys)
			}
			checkFacts(t, got, test.registered, test.born, test.withheld)
		})
	}
}

// What an event of the Spine carries takes precedence over the record, part by part.
func TestRouteOfChanges(t *testing.T) {
	const (
		jack, nobody = "9912003888", "9990000018"
		home         = " 4:15F 5:E08000035 6:E92000001" // of Jack's record
		practice     = " 2:B86056 3:02V"
	)
	exeter, born := []string{"EX2 5SE"}, time.Date(1950, 1, 2, 0, 0, 0, 0, time.UTC)
	other := []nhs.ODSCode{"E82025"}
	for name, test := range map[string]struct {
		number     string
		subject    directory.Subject
		keys       string
		registered string
		born       string
		withheld   bool
	}{
		"carries nothing": {jack, directory.Subject{}, practice + home, "yes", "2017-10-02", false},
		"home": {jack, directory.Subject{Postcodes: exeter},
			practice + " 4:15N 5:E07000041 6:E92000001", "yes", "2017-10-02", false},
		"home and former home": {jack, directory.Subject{Postcodes: exeter, OldPostcodes: []string{"WF14 0BQ"}},
			practice + " 4:15N 4:X2C4Y 5:E07000041 5:E08000034 6:E92000001", "yes", "2017-10-02", false},
		"home that is nowhere": {jack, directory.Subject{Postcodes: []string{"nowhere"}}, practice, "yes", "2017-10-02", false},
		"former home alone": {jack, directory.Subject{OldPostcodes: exeter},
			practice + " 4:15F 4:15N 5:E07000041 5:E08000035 6:E92000001", "yes", "2017-10-02", false},
		"practice":                {jack, directory.Subject{Practices: other}, " 2:E82025 3:06N" + home, "yes", "2017-10-02", false},
		"no practice any more":    {jack, directory.Subject{Left: true}, home, "no", "2017-10-02", false},
		"first practice":          {"9990000069", directory.Subject{Practices: other}, " 2:E82025 3:06N" + home, "yes", "1975-04-23", false},
		"another birth date":      {jack, directory.Subject{BirthDate: born}, practice + home, "yes", "2017-10-02", false},
		"the first birth date":    {"9990000255", directory.Subject{BirthDate: born}, practice + home, "yes", "1950-01-02", false},
		"nobody, carries nothing": {nobody, directory.Subject{}, "", "not known", "", false},
		"nobody, carries all": {nobody, directory.Subject{Postcodes: exeter, Practices: other, BirthDate: born},
			" 2:E82025 3:06N 4:15N 5:E07000041 6:E92000001", "yes", "1950-01-02", false},
		"nobody, no practice any more": {nobody, directory.Subject{Left: true}, "", "no", "", false},
		"superseded: the places are the new record's": {"9990000042", directory.Subject{Postcodes: exeter, Practices: other, Left: true, BirthDate: born},
			" 2:B85612 3:03J 4:X2C4Y 5:E08000034 6:E92000001", "yes", "1988-08-19", false},
		"superseded by a flagged record": {"9990000220", directory.Subject{Practices: other}, practice + home, "yes", "1979-03-08", true},
		"flagged":                        {"9990000026", directory.Subject{Practices: other}, " 2:E82025 3:06N" + home, "yes", "1979-03-08", true},
	} {
		t.Run(name, func(t *testing.T) {
			test.subject.NHSNumber, test.subject.Newer = number(t, test.number), true
			got, err := world(t).Router().Route(t.Context(), test.subject)
			if err != nil {
				t.Fatal(err)
			}
			if want := "1:" + test.number + test.keys; spelt(got.Keys) != want {
				t.Errorf("keys %s\nwant %s", spelt(got.Keys), want)
			}
			checkFacts(t, got, test.registered, test.born, test.withheld)
		})
	}
}

func checkFacts(t *testing.T, got directory.Route, registered, born string, withheld bool) {
	t.Helper()
	is := "not known"
	if got.Registered != nil {
		is = map[bool]string{true: "yes", false: "no"}[*got.Registered]
	}
	day := ""
	if !got.BirthDate.IsZero() {
		day = got.BirthDate.Format(time.DateOnly)
	}
	if is != registered || day != born || got.Withheld != withheld {
		t.Errorf("registered %s, born %s, withheld %t; want %s, %s, %t", is, day, got.Withheld, registered, born, withheld)
	}
	at := time.Now()
	f := got.Facts("vaccinations-1", at)
	if n := len(f.Keys) - 1; n < 0 || f.Keys[n] != subscription.Everybody {
		t.Fatalf("what the MNS signals too, subscriptions to everybody want: %v", f.Keys)
	}
	if other := got.Facts("pds-change-of-address-1", at); spelt(other.Keys) != spelt(got.Keys) {
		t.Errorf("another event is looked for under more keys than it has: %v", other.Keys)
	}
	f.Keys = f.Keys[:len(f.Keys)-1]
	if f.EventCode != "vaccinations-1" || !f.At.Equal(at) || spelt(f.Keys) != spelt(got.Keys) || f.BirthDate != got.BirthDate || f.Registered != got.Registered {
		t.Errorf("Facts lost something: %v", f)
	}
}

func TestRouteOfUnknownPatients(t *testing.T) {
	w := world(t)
	subject := directory.Subject{
		NHSNumber: number(t, "9990000018"), Postcodes: []string{"EX2 5SE"}, OldPostcodes: []string{"LS1 4AP"},
		Practices: []nhs.ODSCode{"E82025", "Z99999"}, BirthDate: time.Date(2001, 2, 3, 0, 0, 0, 0, time.UTC),
	}
	if _, err := w.Router().Route(t.Context(), subject); !errors.Is(err, directory.ErrNotFound) {
		t.Fatalf("Route = %v, want ErrNotFound", err)
	}
	accepting := w.Router()
	accepting.AcceptUnknown = true
	got, err := accepting.Route(t.Context(), subject)
	want := "1:9990000018 2:E82025 2:Z99999 3:06N 4:15F 4:15N 5:E07000041 5:E08000035 6:E92000001"
	if err != nil || spelt(got.Keys) != want {
		t.Errorf("Route = %s, %v\nwant %s", spelt(got.Keys), err, want)
	}
	checkFacts(t, got, "yes", "2001-02-03", false)
	bare, err := accepting.Route(t.Context(), directory.Subject{NHSNumber: subject.NHSNumber})
	if err != nil || spelt(bare.Keys) != "1:9990000018" {
		t.Errorf("Route = %s, %v", spelt(bare.Keys), err)
	}
	checkFacts(t, bare, "not known", "", false)
}

// partlyAway is a directory of which one part is unreachable.
type partlyAway struct {
	*devworld.World
	patients, organisations, postcodes bool
}

func (h partlyAway) Patient(ctx context.Context, n nhs.NHSNumber) (directory.Patient, error) {
	if h.patients {
		return directory.Patient{}, directory.ErrAway
	}
	return h.World.Patient(ctx, n)
}

func (h partlyAway) Organisation(ctx context.Context, c nhs.ODSCode) (directory.Organisation, error) {
	if h.organisations {
		return directory.Organisation{}, directory.ErrAway
	}
	return h.World.Organisation(ctx, c)
}

func (h partlyAway) Places(ctx context.Context, p string) (directory.Places, error) {
	if h.postcodes {
		return directory.Places{}, directory.ErrAway
	}
	return h.World.Places(ctx, p)
}

// An unreachable directory must never look like one that knows nothing: the
// event would miss its subscribers.
func TestRouteWaitsForEveryDirectory(t *testing.T) {
	w := world(t)
	jack := directory.Subject{NHSNumber: number(t, "9912003888")}
	birth := directory.Subject{Baby: number(t, "9990000212"), Practices: []nhs.ODSCode{"E82025"}}
	for name, h := range map[string]partlyAway{
		"patients": {w, true, false, false}, "organisations": {w, false, true, false}, "postcodes": {w, false, false, true},
	} {
		for _, subject := range []directory.Subject{jack, birth} {
			r := directory.Router{Patients: h, Organisations: h, Postcodes: h, AcceptUnknown: true}
			if got, err := r.Route(t.Context(), subject); !errors.Is(err, directory.ErrAway) || len(got.Keys) > 0 {
				t.Errorf("%s away: %v, %v", name, got.Keys, err)
			}
		}
	}
}

func TestAgrees(t *testing.T) {
	p := directory.Patient{Family: "O'Neill", Given: []string{"Zoë", "Jane"}, BirthDate: time.Date(2017, 10, 2, 0, 0, 0, 0, time.UTC)}
	for _, test := range []struct{ family, given, birth, want string }{
		{"O'Neill", "Zoë", "2017-10-02", ""},
		{"O'NEILL", "ZOË", "2017-10-02T12:00:00+00:00", ""},
		{" o'neill ", "zoë", "2017-10-02", ""},
		{"O\u2019Neill", "Zoe\u0308", "2017-10-02", ""},
		{"", "", "", ""},
		{"ONeill", "Zoë", "2017-10-02", "family"},
		{"O'Neill", "Jane", "2017-10-02", "given"},
		{"O'Neill", "Zoë Jane", "2017-10-02", "given"},
		{"O'Neill", "Zoë", "2017-10-03", "birthDateTime"},
		{"O'Neill", "Zoë", "2017-10-01T23:00:00Z", ""}, // British Summer Time
		{"O'Neill", "Zoë", "2017-10-01T22:00:00Z", "birthDateTime"},
		{"O'Neill", "Zoë", "2017-10", "birthDateTime"},
		{"A", "B", "2000-01-01", "family given birthDateTime"},
	} {
		if got := strings.Join(directory.Agrees(p, test.family, test.given, test.birth), " "); got != test.want {
			t.Errorf("Agrees(%q, %q, %q) = %q, want %q", test.family, test.given, test.birth, got, test.want)
		}
	}
	if got := directory.Agrees(directory.Patient{}, "A", "B", "2000-01-01"); got != nil {
		t.Errorf("a record without demographics: %v", got)
	}
}

func BenchmarkRoute(b *testing.B) {
	r := world(b).Router()
	s := directory.Subject{NHSNumber: number(b, "9912003888")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Route(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
}
