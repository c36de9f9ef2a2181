package directory_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"nems/internal/directory"
)

// recordingSink stores what an import passes to it.
type recordingSink struct {
	patients      []directory.Patient
	organisations []directory.Organisation
	postcodes     []directory.PostcodePlaces
	batches       []int
	fail          error
}

func (s *recordingSink) PutPatients(_ context.Context, b []directory.Patient) error {
	s.patients = append(s.patients, b...)
	s.batches = append(s.batches, len(b))
	return s.fail
}

func (s *recordingSink) PutOrganisations(_ context.Context, b []directory.Organisation) error {
	s.organisations = append(s.organisations, b...)
	return s.fail
}

func (s *recordingSink) PutPostcodes(_ context.Context, b []directory.PostcodePlaces) error {
	s.postcodes = append(s.postcodes, b...)
	return s.fail
}

func load(t testing.TB, kind directory.Kind, text string) (*recordingSink, directory.Summary) {
	t.Helper()
	s := &recordingSink{}
	summary, err := directory.Import(t.Context(), kind, strings.NewReader(text), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, summary
}

func TestImportPatients(t *testing.T) {
	got, summary := load(t, directory.KindPatients, "\xef\xbb\xbfGP,NHS_Number,superseded_by,family,given,birth_date,postcode,sensitive,invalid,extra\r\n"+
		"b86056,999 000 0026,,\"Van der Meer\",Anneke Maria,1969-09-30,ls14ap,S,no,x\r\n"+
		"\r\n"+
		",9990000034,,,,19911201,,false,I,\r\n"+
		",9990000042,9990000050,,,,,,,")
	want := []directory.Patient{
		{NHSNumber: number(t, "9990000026"), Family: "Van der Meer", Given: []string{"Anneke", "Maria"},
			BirthDate: time.Date(1969, 9, 30, 0, 0, 0, 0, time.UTC), Postcode: "LS1 4AP", GP: "B86056", Sensitive: true},
		{NHSNumber: number(t, "9990000034"), Given: []string{}, BirthDate: time.Date(1991, 12, 1, 0, 0, 0, 0, time.UTC), Invalid: true},
		{NHSNumber: number(t, "9990000042"), Given: []string{}, SupersededBy: number(t, "9990000050")},
	}
	if !reflect.DeepEqual(got.patients, want) || summary.Rows != 3 || summary.Bad != 0 {
		t.Errorf("patients %d %+v", len(got.patients), summary)
		for i := range got.patients {
			t.Logf("%d: %t", i, reflect.DeepEqual(got.patients[i], want[i]))
		}
	}
}

// A wrong line is reported with its number, the others are stored, and no
// content is quoted.
func TestImportLeavesBadLinesOut(t *testing.T) {
	good := ",9990000026,,A,B,2000-01-01,LS1 4AP,,\n"
	header := "gp,nhs_number,superseded_by,family,given,birth_date,postcode,sensitive,invalid\n"
	for name, line := range map[string]string{
		"check digit":          ",9990000027,,SECRET,B,2000-01-01,LS1 4AP,,",
		"no number":            ",,,SECRET,B,2000-01-01,LS1 4AP,,",
		"superseded by itself": ",9990000026,9990000026,SECRET,,,,,",
		"superseded by what":   ",9990000026,SECRET,,,,,,",
		"date":                 ",9990000026,,SECRET,B,01/02/2000,LS1 4AP,,",
		"no such day":          ",9990000026,,SECRET,B,2000-02-30,LS1 4AP,,",
		"postcode":             ",9990000026,,SECRET,B,2000-01-01,SECRET,,",
		"practice":             "SECRET-1,9990000026,,A,B,2000-01-01,LS1 4AP,,",
		"S flag":               ",9990000026,,SECRET,B,2000-01-01,LS1 4AP,SECRET,",
		"I flag":               ",9990000026,,SECRET,B,2000-01-01,LS1 4AP,,S",
		"encoding":             ",9990000026,,SECRET\xff,B,2000-01-01,LS1 4AP,,",
		"too few":              ",9990000026,,SECRET",
		"too many":             ",9990000026,,SECRET,B,2000-01-01,LS1 4AP,,,",
		"open quote":           ",9990000026,,\"SECRET,B,2000-01-01,LS1 4AP,,",
		"stray quotes":         ",9990000026,,SEC\"RE\"T,B,2000-01-01,LS1 4AP,,",
		"too long":             ",9990000026,," + strings.Repeat("SECRET", 30_000) + ",B,2000-01-01,LS1 4AP,,",
	} {
		for _, end := range []string{"\n", "\r\n"} {
			got, summary := load(t, directory.KindPatients, header+good+line+end+good)
			if len(got.patients) != 2 || summary.Rows != 2 || summary.Bad != 1 || len(summary.Problems) != 1 || summary.Problems[0].Line != 3 {
				t.Fatalf("%s: %d patients, %+v", name, len(got.patients), summary)
			}
			if reason := summary.Problems[0].String(); reason == "expected " || strings.Contains(reason, "SECRET") || strings.Contains(reason, "999") {
				t.Errorf("%s: reason %q", name, reason)
			}
		}
		if _, summary := load(t, directory.KindPatients, header+good+line); summary.Bad != 1 || summary.Rows != 1 {
			t.Errorf("%s in the last line: %+v", name, summary)
		}
	}
}

func TestImportBadOrganisationsAndPostcodes(t *testing.T) {
	_, summary := load(t, directory.KindOrganisations, "code,sub_icb,practice,closed\n!,,,\nA1,!,,\nA1,,perhaps,\nA1,,,perhaps\nA1,,,\n")
	if summary.Rows != 1 || summary.Bad != 4 {
		t.Errorf("organisations: %+v", summary)
	}
	_, summary = load(t, directory.KindPostcodes, "pcds,ccg,oslaua,ctry\nLS,,,\nLS1 4AP,!,,\nLS1 4AP,,Leeds,\nLS1 4AP,,,England\nLS1 4AP,,,\n")
	if summary.Rows != 1 || summary.Bad != 4 {
		t.Errorf("postcodes: %+v", summary)
	}
}

func TestImportFails(t *testing.T) {
	failing := errors.New("the disk is full")
	rows := "nhs_number\n" + strings.Repeat("9990000026\n", 2500)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		kind directory.Kind
		src  io.Reader
		sink *recordingSink
		want error
	}{
		"empty":         {t.Context(), directory.KindPatients, strings.NewReader(""), &recordingSink{}, nil},
		"no header":     {t.Context(), directory.KindPatients, strings.NewReader("9990000026,A\n9990000034,B\n"), &recordingSink{}, nil},
		"another kind":  {t.Context(), directory.KindPostcodes, strings.NewReader(rows), &recordingSink{}, nil},
		"no such kind":  {t.Context(), "systems", strings.NewReader(rows), &recordingSink{}, nil},
		"sink":          {t.Context(), directory.KindPatients, strings.NewReader(rows), &recordingSink{fail: failing}, failing},
		"reader":        {t.Context(), directory.KindPatients, io.MultiReader(strings.NewReader(rows), iotest.ErrReader(failing)), &recordingSink{}, failing},
		"reader, early": {t.Context(), directory.KindPatients, iotest.ErrReader(failing), &recordingSink{}, failing},
		"context":       {ended, directory.KindPatients, strings.NewReader(rows), &recordingSink{}, context.Canceled},
	} {
		_, err := directory.Import(test.ctx, test.kind, test.src, test.sink, nil)
		if err == nil || test.want != nil && !errors.Is(err, test.want) || strings.Contains(err.Error(), "9990") {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
	}
}

func TestImportWorksInBatchesAndTellsItsProgress(t *testing.T) {
	text := "nhs_number\n" + strings.Repeat("9990000026\n", 2400) + "bad\n"
	s := &recordingSink{}
	var told []string
	summary, err := directory.Import(t.Context(), directory.KindPatients, strings.NewReader(text), s,
		func(read int64, rows, bad int) { told = append(told, fmt.Sprint(read, rows, bad)) })
	want := []string{"11011 1000 0", "22011 2000 0", "26415 2400 1"}
	if err != nil || !reflect.DeepEqual(s.batches, []int{1000, 1000, 400}) || !reflect.DeepEqual(told, want) || summary.Rows != 2400 {
		t.Errorf("batches %v, progress %v, %v, %v", s.batches, told, summary.Rows, err)
	}
}

func TestImportKeepsOnlySomeProblems(t *testing.T) {
	_, summary := load(t, directory.KindPatients, "nhs_number\n"+strings.Repeat("bad\n", 3000))
	if summary.Bad != 3000 || len(summary.Problems) != 1000 {
		t.Errorf("%d bad, %d problems", summary.Bad, len(summary.Problems))
	}
}

// Whatever the bytes, nothing panics and every line is accounted for.
func FuzzImport(f *testing.F) {
	f.Add("patients", "nhs_number,family\n9990000026,\"A\"\n")
	f.Add("organisations", strings.Repeat(",", 26)+"\n")
	f.Add("organisations", surgery+list)
	f.Add("postcodes", leeds.row(nhspd49)+aberdeen.row(nhspd43))
	f.Add("postcodes", "\xef\xbb\xbfpcds,ccg\r\nLS1 4AP,15F\r\n\"\n")
	f.Fuzz(func(t *testing.T, kind, text string) {
		s := &recordingSink{}
		summary, err := directory.Import(t.Context(), directory.Kind(kind), strings.NewReader(text), s, nil)
		lines := strings.Count(text, "\n") + 1
		if stored := len(s.patients) + len(s.organisations) + len(s.postcodes); summary.Rows != stored || summary.Rows+summary.Bad > lines {
			t.Fatalf("%d rows, %d stored, %d bad of %d lines, %v", summary.Rows, stored, summary.Bad, lines, err)
		}
		for i, p := range summary.Problems {
			if p.Line < 1 || p.Line > lines || p.Expected == "" || i > 0 && p.Line <= summary.Problems[i-1].Line {
				t.Fatalf("problem %+v of %d lines", p, lines)
			}
		}
	})
}

func TestNormalPostcode(t *testing.T) {
	for text, want := range map[string]string{
		"LS17 7DF": "LS17 7DF", "ls177df": "LS17 7DF", " L S 1 7 7 D F ": "LS17 7DF", "M1 1AE": "M1 1AE", "EC1A 1BB": "EC1A 1BB",
		"LS17  7DF": "LS17 7DF", "GIR 0AA": "GIR 0AA", "ZZ99 3VZ": "ZZ99 3VZ",
		"": "", "LS17": "", "LS17 7D": "", "LS17 7DFX": "", "1S17 7DF": "", "LS17 D7F": "", "LS17-7DF": "", "LSÄ7 7DF": "", "LS17\t7DF": "",
	} {
		if got, ok := directory.NormalPostcode(text); got != want || ok != (want != "") {
			t.Errorf("NormalPostcode(%q) = %q, %t; want %q", text, got, ok, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z0-9 ]{0,12}`).Draw(t, "text")
		if normal, ok := directory.NormalPostcode(text); ok {
			if again, ok := directory.NormalPostcode(normal); !ok || again != normal {
				t.Fatalf("%q -> %q -> %q", text, normal, again)
			}
		}
	})
}

func BenchmarkImportPostcodes(b *testing.B) {
	var text strings.Builder
	text.WriteString("pcd7,pcd8,pcds,lad25cd,ctry25cd,sicbl24cd" + strings.Repeat(",x", 40) + "\n")
	r := rand.New(rand.NewPCG(1, 2))
	const rows = 10_000
	for range rows {
		code := fmt.Sprintf("LS%d %dA%c", r.IntN(99)+1, r.IntN(10), 'A'+rune(r.IntN(26)))
		fmt.Fprintf(&text, "%[1]s,%[1]s,%[1]s,E08000035,E92000001,15F%[2]s\n", code, strings.Repeat(",E00000000", 40))
	}
	b.ReportAllocs()
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if s, err := directory.Import(b.Context(), directory.KindPostcodes, strings.NewReader(text.String()), discard{}, nil); err != nil || s.Rows != rows {
			b.Fatal(s, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

// discard is a sink that stores nothing.
type discard struct{}

func (discard) PutPatients(context.Context, []directory.Patient) error           { return nil }
func (discard) PutOrganisations(context.Context, []directory.Organisation) error { return nil }
func (discard) PutPostcodes(context.Context, []directory.PostcodePlaces) error   { return nil }
