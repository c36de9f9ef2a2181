package directory_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// epraccur is a row of an ODS report: 27 columns, no header.
func epraccur(code, name, status, parent, setting string) string {
	fields := make([]string, 27)
	fields[0], fields[1], fields[2], fields[3], fields[9] = code, name, "Y63", "QWO", "LS17 7DF"
	fields[12], fields[13], fields[14], fields[25] = status, "B", parent, setting
	return `"` + strings.Join(fields, `","`) + "\"\n"
}

func TestImportOrganisations(t *testing.T) {
	formerly := epraccur("B86056", "A SURGERY, LEEDS", "A", "15F", "4") + epraccur("Y00001", "WALK-IN", "A", "15F", "1") +
		epraccur("B86999", "GONE", "C", "", "4") + epraccur("B86998", "DORMANT", "D", "02V", "4")
	today := epraccur("B86056", "A SURGERY, LEEDS", "ACTIVE", "15F", "RO76") + epraccur("Y00001", "WALK-IN", "ACTIVE", "15F", "RO80|RO87") +
		epraccur("B86999", "GONE", "INACTIVE", "", "RO76") + epraccur("B86998", "DORMANT", "ACTIVE", "02V", "RO72|RO76")
	header := "Organisation Code,Name,3,4,5,6,7,8,9,10,11,12,Status Code,14,Commissioner,16,17,18,19,20,21,22,23,24,25,Prescribing Setting,27\n"
	aliases := "OrganisationCode,OrgName,NHSER_code,ICB_code,5,6,7,8,9,Postcode,11,12,StatusName,14,TargetOrgCode,16,17,18,19,20,21,22,23,TargetOrgCode,25,RoleID,27\n"
	want := []directory.Organisation{
		{Code: "B86056", Name: "A SURGERY, LEEDS", SubICB: "15F", Practice: true},
		{Code: "Y00001", Name: "WALK-IN", SubICB: "15F"},
		{Code: "B86999", Name: "GONE", Practice: true, Closed: true},
		{Code: "B86998", Name: "DORMANT", SubICB: "02V", Practice: true},
	}
	for name, text := range map[string]string{
		"formerly": formerly, "formerly, with a header": header + formerly, "today": today, "today, with the aliases of the report": aliases + today,
		"one column more": strings.ReplaceAll(today, "\n", ",\"\"\n"),
	} {
		if got, summary := load(t, directory.KindOrganisations, text); !reflect.DeepEqual(got.organisations, want) || summary.Rows != 4 {
			t.Errorf("%s: %+v, %+v", name, got.organisations, summary)
		}
	}
	got, _ := load(t, directory.KindOrganisations, "code,name,sub_icb\nRR8,Trust,\nB86056,Surgery,15f\n")
	want = []directory.Organisation{{Code: "RR8", Name: "Trust"}, {Code: "B86056", Name: "Surgery", SubICB: "15F", Practice: true}}
	if !reflect.DeepEqual(got.organisations, want) {
		t.Errorf("our own names: %+v", got.organisations)
	}
}

// The parent of a branch is its practice, and the parent of a trust's site is
// the trust: neither is an ICB sub-location.
func TestImportOrganisationsOfOtherReports(t *testing.T) {
	got, _ := load(t, directory.KindOrganisations, epraccur("B86056001", "BRANCH", "", "B86056", "")+epraccur("RR801", "SITE", "", "RR8", ""))
	want := []directory.Organisation{{Code: "B86056001", Name: "BRANCH"}, {Code: "RR801", Name: "SITE"}}
	if !reflect.DeepEqual(got.organisations, want) {
		t.Errorf("%+v", got.organisations)
	}
}

// surgery is an ORD answer about a single organisation.
const surgery = `{"Organisation": {
  "Name": "A SURGERY", "Date": [{"Type": "Operational", "Start": "1974-04-01"}],
  "OrgId": {"root": "2.16.840.1.113883.2.1.3.2.4.18.48", "assigningAuthorityName": "HSCIC", "extension": "B86056"},
  "Status": "Active", "LastChangeDate": "2026-01-01", "orgRecordClass": "RC1",
  "Roles": {"Role": [
    {"id": "RO177", "uniqueRoleId": 1, "primaryRole": true, "Status": "Active"},
    {"id": "RO76", "uniqueRoleId": 2, "Status": "Active"}]},
  "Rels": {"Rel": [
    {"id": "RE4", "Status": "Inactive", "Target": {"OrgId": {"extension": "02V"}, "PrimaryRoleId": {"id": "RO98", "uniqueRoleId": 3}}, "uniqueRelId": 4},
    {"id": "RE8", "Status": "Active", "Target": {"OrgId": {"extension": "U00001"}, "PrimaryRoleId": {"id": "RO272"}}},
    {"id": "RE4", "Status": "Active", "Target": {"OrgId": {"extension": "Y63"}, "PrimaryRoleId": {"id": "RO209"}}},
    {"id": "RE4", "Status": "Active", "Target": {"OrgId": {"extension": "15F"}, "PrimaryRoleId": {"id": "RO98"}}}]}}}`

const closedWalkIn = `{"Organisation":{"Name":"WALK-IN","OrgId":{"extension":"Y00001"},"Status":"Inactive",
  "Roles":{"Role":[{"id":"RO177","Status":"Inactive"},{"id":"RO87","Status":"Inactive"}]},
  "Rels":{"Rel":[{"id":"RE4","Status":"Inactive","Target":{"OrgId":{"extension":"15F"},"PrimaryRoleId":{"id":"RO98"}}}]}}}`

const list = `{"Organisations": [
  {"Name": "A SURGERY", "OrgId": "B86056", "Status": "Active", "OrgRecordClass": "RC1", "PrimaryRoleId": "RO177", "PrimaryRoleDescription": "PRESCRIBING COST CENTRE"},
  {"Name": "TRUST", "OrgId": "RR8", "Status": "Inactive", "PrimaryRoleId": "RO197"}]}`

func TestImportORD(t *testing.T) {
	practice := directory.Organisation{Code: "B86056", Name: "A SURGERY", SubICB: "15F", Practice: true}
	walkIn := directory.Organisation{Code: "Y00001", Name: "WALK-IN", Closed: true}
	listed := []directory.Organisation{{Code: "B86056", Name: "A SURGERY"}, {Code: "RR8", Name: "TRUST", Closed: true}}
	for name, test := range map[string]struct {
		text     string
		want     []directory.Organisation
		unplaced int
	}{
		"one":             {surgery, []directory.Organisation{practice}, 0},
		"a byte order":    {"\xef\xbb\xbf\n" + surgery, []directory.Organisation{practice}, 0},
		"one a line":      {surgery + "\n" + closedWalkIn + "\n", []directory.Organisation{practice, walkIn}, 0},
		"an array":        {"[" + surgery + "," + closedWalkIn + "]", []directory.Organisation{practice, walkIn}, 0},
		"a list":          {list, listed, 1},
		"a list, then it": {list + surgery, append(slices.Clip(listed), practice), 1},
		"none":            {`{"Organisations":[]}`, nil, 0},
		"other members":   {`{"Total":2,"Pages":[1,{"Organisation":{}}],"Organisation":` + surgery[len(`{"Organisation":`):], []directory.Organisation{practice}, 0},
	} {
		got, summary := load(t, directory.KindOrganisations, test.text)
		if !reflect.DeepEqual(got.organisations, test.want) || summary.Bad != 0 || summary.Unplaced != test.unplaced {
			t.Errorf("%s: %+v, %+v", name, got.organisations, summary)
		}
	}
}

// lookupSink is a recordingSink that can look up what it stores.
type lookupSink struct{ recordingSink }

func (k *lookupSink) Organisation(_ context.Context, code nhs.ODSCode) (directory.Organisation, error) {
	for _, o := range slices.Backward(k.organisations) {
		if o.Code == code {
			return o, nil
		}
	}
	return directory.Organisation{}, directory.ErrNotFound
}

// A list of ORD does not say who commissions a practice, so the directory keeps what it had.
func TestImportORDListKeepsWhatItDoesNotSay(t *testing.T) {
	k := &lookupSink{}
	for _, text := range []string{epraccur("B86056", "OLD NAME", "ACTIVE", "15F", "RO76"), list} {
		if s, err := directory.Import(t.Context(), directory.KindOrganisations, strings.NewReader(text), k, nil); err != nil || s.Unplaced != 0 {
			t.Fatal(s, err)
		}
	}
	want := directory.Organisation{Code: "B86056", Name: "A SURGERY", SubICB: "15F", Practice: true}
	if got, err := k.Organisation(t.Context(), "B86056"); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestImportORDWrong(t *testing.T) {
	text := "[\n" + `{"Organisation":{"Name":"SECRET","OrgId":{"extension":"!"},"Status":"Active"}},` + "\n\n" +
		`{"Organisation":"SECRET"},` + "\n" +
		`{"Organisations":[{"Name":"SECRET","OrgId":"RR8"},` + "\n" + `  {"Name":["SECRET"]}, 7]},` + "\n" +
		`{"Organisations":{}}, "SECRET",` + "\n" + surgery + "]"
	got, summary := load(t, directory.KindOrganisations, text)
	want := []directory.Problem{
		{2, "OrgId", "an ODS code"}, {4, "", "an organisation as ORD 2-0-0 writes it"}, {5, "Status", "Active or Inactive"},
		{6, "", "an organisation as ORD 2-0-0 writes it"}, {6, "", "an organisation as ORD 2-0-0 writes it"},
		{7, "", "a list of organisations"}, {7, "", "an answer of ORD"},
	}
	if len(got.organisations) != 1 || !slices.Equal(summary.Problems, want) {
		t.Errorf("%+v, %+v", got.organisations, summary.Problems)
	}
	for name, test := range map[string]struct{ text, want string }{
		"cut off":     {surgery + "\n" + surgery[:200], "line 15"},
		"not closed":  {`{"Organisations":[` + "\n", "line 2"},
		"broken":      {"[\n\n{SECRET}]", "line 3"},
		"twice":       {`{"Organisation":{"Name":"SECRET","Name":"B"}}`, "line 1"},
		"not in UTF8": {"{\"Organisation\":{\"Name\":\"SECRET\xff\"}}", "line 1"},
	} {
		_, err := directory.Import(t.Context(), directory.KindOrganisations, strings.NewReader(test.text), &recordingSink{}, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
