package controllers

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"nems/internal/nhs"
)

const address = "pds-change-of-address-1"

func known(code string) bool { return code == address || code == "vaccinations-1" }

func day(t testing.TB, text string) Date {
	t.Helper()
	d, err := ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// visitors is a whole row: health visitors of two authorities.
func visitors(t testing.TB) Row {
	return Row{
		Organisation: "RAT", Role: Consumer, Setting: "UHV", Event: address, Status: Live, Purpose: "managing service provision",
		Basis:   Basis{"section-7a", "DSA 2023/14"},
		Decided: Decided{"IWG", day(t, "2023-04-18"), day(t, "2027-04-18")},
		Scope:   Scope{[]string{"UHV_POSTCODE_LACODE"}, []string{"E08000035", "E08000034"}},
		Grants:  []string{"mesh", "webhook", "replay-30d"},
		Evidence: []Evidence{{Kind: "dspt", Expires: day(t, "2027-06-30")}, {Kind: "dsa", Reference: "2023/14", Given: day(t, "2023-05-02"), Expires: day(t, "2028-05-02")},
			{Kind: "tcc", Given: day(t, "2023-03-30")}},
		Retention: "eight years", Contact: "ig@example.test", Notes: "-1 is no formula",
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	rows := []Row{visitors(t), {Organisation: "X26", Role: Publisher, Event: "vaccinations-1", Status: Requested}}
	for name, codec := range map[string]struct {
		write func(*bytes.Buffer) error
		read  func([]byte) ([]Row, error)
	}{
		"YAML": {func(b *bytes.Buffer) error { return WriteYAML(b, rows) }, func(text []byte) ([]Row, error) { return Read("rows.yaml", text, known) }},
		"JSON": {func(b *bytes.Buffer) error { return WriteJSON(b, rows) }, func(text []byte) ([]Row, error) { return Read("rows.json", text, known) }},
		"CSV":  {func(b *bytes.Buffer) error { return WriteCSV(b, rows) }, func(text []byte) ([]Row, error) { return ReadCSV("rows.csv", bytes.NewReader(text), known) }},
	} {
		var b bytes.Buffer
		if err := codec.write(&b); err != nil {
			t.Fatal(name, err)
		}
		got, err := codec.read(b.Bytes())
		if diff := cmp.Diff(rows, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(Date{}), cmpopts.SortSlices(func(a, b Evidence) bool { return a.Kind < b.Kind })); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s\n%s", name, err, diff, b.String())
		}
	}
}

// Each mistake in a file is found, with its place.
func TestMistakesHaveTheirPlaces(t *testing.T) {
	_, err := Read("rows.yaml", []byte(`- organisation: rat
  role: subscriber
  event: pds-change-of-adress-1
  status: live
  purpose: TBC
  basis: {code: consent}
  decided: {by: IWG, on: 2023-04-31}
  scope: {rules: [UHV], codes: [a b]}
  grants: [everything]
  evidence: {dspt: soon}
`), known)
	if err == nil {
		t.Fatal("nothing was wrong")
	}
	for _, want := range []string{"rows.yaml:1:", `"rat"`, `"subscriber"`, "rows.yaml:3:", `"TBC"`, `"consent"`, "2023-04-31", `"UHV"`, `"a b"`, `"everything"`, `"soon"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	if _, err := ReadCSV("rows.csv", strings.NewReader("organisation,rolle\n"), known); err == nil || !strings.Contains(err.Error(), "role") {
		t.Errorf("a wrong column: %v", err)
	}
	if _, err := ReadCSV("rows.csv", strings.NewReader("organisation,role,event,status\nRAT,both,none-1,live\n"), known); err == nil || !strings.Contains(err.Error(), "rows.csv:2:") {
		t.Errorf("a wrong row: %v", err)
	}
}

// A judgement is compared with its plain reading, over all combinations.
func TestJudgeAllCombinations(t *testing.T) {
	codes := []string{"E08000035", "E08000036"}
	days := []string{"2023-04-17", "2023-04-18", "2027-06-30", "2027-07-01"}
	asked, allowed := 0, 0
	for _, role := range []Role{Publisher, Consumer, Both} {
		for _, status := range []Status{Requested, Assured, Live, Suspended, Ended} {
			row := visitors(t)
			row.Role, row.Status = role, status
			c := New([]Row{row})
			for _, as := range []Role{Publisher, Consumer} {
				for _, organisation := range []nhs.ODSCode{"RAT", "RR8"} {
					for _, event := range []string{address, "vaccinations-1"} {
						for _, rule := range []string{"UHV_POSTCODE_LACODE", "EXPLICIT"} {
							for _, code := range codes {
								for _, at := range days {
									asked++
									q := Question{Organisation: organisation, Role: as, Event: event, Rule: rule, Code: code, At: day(t, at).Midnight().Add(20 * time.Hour)}
									want := organisation == "RAT" && event == address && status == Live && (role == as || role == Both) &&
										rule == "UHV_POSTCODE_LACODE" && code == codes[0] && at >= "2023-04-18" && at <= "2027-06-30"
									v := c.Judge(q)
									if v.Allowed != want || (v.Lacks == "") != want {
										t.Fatalf("%+v of a row %s, %s: %+v", q, role, status, v)
									}
									if want {
										allowed++
									}
								}
							}
						}
					}
				}
			}
		}
	}
	if asked < 500 || allowed == 0 {
		t.Errorf("%d combinations, %d allowed", asked, allowed)
	}
}

func TestGrants(t *testing.T) {
	c := New([]Row{visitors(t)})
	at := day(t, "2025-01-01").Midnight()
	for grant, want := range map[string]bool{"": true, GrantWebhook: true, GrantStream: false, GrantQueue: false, GrantFull: false, GrantReplay: true} {
		if v := c.Judge(Question{Organisation: "RAT", Role: Consumer, Event: address, Grant: grant, At: at}); v.Allowed != want {
			t.Errorf("%s: %+v", grant, v)
		}
	}
	for back, want := range map[time.Duration]bool{30 * 24 * time.Hour: true, 31 * 24 * time.Hour: false} {
		v := c.Judge(Question{Organisation: "RAT", Role: Consumer, Event: address, Grant: GrantReplay, Back: back, At: at})
		if v.Allowed != want || !want && !strings.Contains(v.Lacks, "30 days") {
			t.Errorf("%s back: %+v", back, v)
		}
	}
}

// The warnings come 60 and 14 days before evidence expires, and when it has.
func TestNotices(t *testing.T) {
	row := visitors(t)
	for at, want := range map[string]string{
		"2027-04-30": "review", "2027-05-01": "in 60 days", "2027-06-16": "in 14 days", "2027-06-29": "in 1 day", "2027-06-30": "in 0 days", "2027-07-01": "suspended", "2026-01-01": "",
	} {
		notice, days := row.Notice(day(t, at).Midnight())
		if want == "" && notice != "" || !strings.Contains(notice, want) {
			t.Errorf("%s: %q", at, notice)
		}
		if urgent := Urgent(days); want != "" && want != "review" && urgent != (at >= "2027-06-16") {
			t.Errorf("%s: urgent is %t", at, urgent)
		}
	}
}

func TestBags(t *testing.T) {
	row := visitors(t)
	row.Scope.Rules = append(row.Scope.Rules, RuleExplicit)
	row.Grants = append(row.Grants, "pointer-736253002")
	got := New([]Row{row}).Bags("RAT", func(string) string { return "CHANGEOFADDRESS_1" }, day(t, "2025-01-01").Midnight())
	want := "[NEMS_EVENT_ID:CHANGEOFADDRESS_1 NEMS_SUBS_TYPE:EXPLICIT NEMS_SUBS_TYPE:GENERIC NRL_POINTER_TYPE:736253002]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %s", got)
	}
	if late := New([]Row{row}).Bags("RAT", func(string) string { return "" }, day(t, "2029-01-01").Midnight()); len(late) != 0 {
		t.Errorf("expired rows give %s", late)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("- organisation: RAT\n  evidence: {dspt: 2024-01-01}\n"))
	f.Add([]byte(`{"version":1,"rows":[{"organisation":"X26","scope":{"rules":["EXPLICIT"]}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, err := Read("rows", text, known)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := WriteJSON(&b, rows); err != nil {
			t.Fatal(err)
		}
		again, err := Read("rows", b.Bytes(), known)
		if err != nil || len(again) != len(rows) {
			t.Fatalf("%v\n%s", err, b.String())
		}
	})
}
