package node_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"nems/client"
	"nems/internal/access"
	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/directory/pds"
	"nems/internal/nhs"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/pdsapi"
	"nems/internal/spine"
)

// askPDS sends a request to the PDS FHIR API of a service.
func askPDS(t *testing.T, s *nodetest.Server, method, path, body, version string) (*http.Response, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+pdsapi.Base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Request-ID", uuid.NewString())
	r.Header.Set("Content-Type", "application/json-patch+json")
	r.Header.Set("If-Match", version)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s %s: not JSON: %q", method, path, text)
	}
	return response, v
}

// events returns the codes of copies.
func events(copies []client.Copy) (codes []string) {
	for _, c := range copies {
		codes = append(codes, c.WorkflowID)
	}
	return codes
}

// Whoever changes a patient at the PDS FHIR API makes the events that subscribers
// of the patient get, once, also if the request is sent again.
func TestPDSAPIMakesEvents(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	const jack = "9912003888"
	for _, code := range []string{"pds-change-of-address-1", "pds-record-change-1"} {
		s.Subscribe(s.Leeds(), "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|"+jack+"&MessageHeader.event="+code, nodetest.LeedsBox)
	}
	response, patient := askPDS(t, s, "GET", "/Patient/"+jack, "", "")
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", response.StatusCode, patient)
	}
	home := patient["address"].([]any)[0].(map[string]any)["id"].(string)
	patches := `{"patches":[{"op":"replace","path":"/address/0","value":{"id":"` + home + `","use":"home","line":["2 Whitehall Quay","Leeds"],"postalCode":"LS1 4BU"}}]}`
	response, patient = askPDS(t, s, "PATCH", "/Patient/"+jack, patches, response.Header.Get("ETag"))
	if response.StatusCode != http.StatusOK || response.Header.Get("ETag") != `W/"2"` {
		t.Fatalf("%d %v", response.StatusCode, patient)
	}
	got := s.Collect(nodetest.LeedsBox)
	if codes := strings.Join(events(got), " "); codes != "CHANGEOFADDRESS_1 PDSRECORDCHANGE_1" {
		t.Errorf("%s", codes)
	}
	for _, c := range got {
		if !strings.Contains(string(c.Body), `versionId value="2"`) {
			t.Errorf("%s is not about the new version", c.WorkflowID)
		}
	}
	if response, _ := askPDS(t, s, "PATCH", "/Patient/"+jack, patches, `W/"1"`); response.StatusCode != http.StatusConflict {
		t.Errorf("an old version: %d", response.StatusCode)
	}
	response, found := askPDS(t, s, "GET", "/Patient?family=Daw*&birthdate=2017-10-02&address-postalcode=LS14BU", "", "")
	if response.StatusCode != http.StatusOK || found["total"] != 1.0 {
		t.Errorf("search: %d %v", response.StatusCode, found)
	}
	if response, _ := askPDS(t, s, "PUT", "/Patient/"+jack, "", ""); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", response.StatusCode)
	}
}

// Our own client of PDS works against the API, with its tokens.
func TestPDSAPIServesOurClient(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	key, keys := newKey(t, "reader-1")
	const asid = "200000000077"
	register(t, s, spine.Registration{Keys: keys, System: access.System{ASID: asid, ODSCodes: []nhs.ODSCode{"RR8"}, Demographics: []access.DemographicsRight{access.DemographicsRead}}})
	c, err := pds.New(pds.Config{Base: s.URL + pdsapi.Base, TokenURL: s.URL + pdsapi.TokenPath, APIKey: asid, KeyID: "reader-1", Key: key, Now: s.Clock.Now, Rate: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	world, err := devworld.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, digits := range []string{nodetest.Jack, "9434765919", "9990000050", "9990000042", "9990000026", "9990000034", nodetest.Nobody} {
		n, err := nhs.ParseNHSNumber(digits)
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := world.Patient(t.Context(), n)
		switch { // what PDS shows of flagged patients
		case want.Invalid:
			want = directory.Patient{NHSNumber: n, Invalid: true}
		case want.Sensitive:
			want.Postcode, want.GP = "", ""
		}
		got, err := c.Patient(t.Context(), n)
		if !errors.Is(err, wantErr) {
			t.Errorf("%s: %v, want %v", digits, err, wantErr)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b nhs.NHSNumber) bool { return a == b })); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", digits, diff)
		}
	}
	desk := operatorOf(t, s)
	s.Eventually("the audit has the reads", func() bool {
		entries, err := operator.All(t.Context(), desk, operator.SearchAudit, operator.Search[operator.Filter]{Filter: operator.Filter{Action: "record-read", ASID: asid}})
		return err == nil && len(entries) >= 7
	})
}

// register registers a system, and makes sure that it is in force.
func register(t *testing.T, s *nodetest.Server, r spine.Registration) {
	t.Helper()
	if err := operator.PutSystems.Run(t.Context(), operatorOf(t, s), []spine.Registration{r}); err != nil {
		t.Fatal(err)
	}
	s.Stop() // the registry is read at once when a service starts
	s.Run()
}

// In production the API has a listener of its own, on which a token is needed and a
// client certificate is not.
func TestPDSAPIInProduction(t *testing.T) {
	t.Parallel()
	p := bootProduction(t, func(c *node.Config) {
		c.PDSAPI.Listener = node.Listener{Listen: "127.0.0.1:0", Cert: c.FHIR.Cert, Key: c.FHIR.Key}
	})
	url := regexp.MustCompile(`listener=pds-server address=(\S+)`).FindStringSubmatch(p.Log.String())[1]
	key, keys := newKey(t, "reader-1")
	const asid = "200000000077"
	if err := operator.PutSystems.Run(t.Context(), p.operator, []spine.Registration{
		{Keys: keys, System: access.System{ASID: asid, ODSCodes: []nhs.ODSCode{"RR8"}, Demographics: []access.DemographicsRight{access.DemographicsRead}}},
	}); err != nil {
		t.Fatal(err)
	}
	jack, err := nhs.ParseNHSNumber(nodetest.Jack)
	if err != nil {
		t.Fatal(err)
	}
	record := demographics.Record{BirthDate: "2017-10-02", Names: []demographics.Name{{Use: "usual", Family: "DAWKINS", Given: []string{"Jack"}}}}
	if _, err := operator.LoadRecords.Do(t.Context(), p.operator, operator.RecordsToLoad{Records: []operator.LoadedRecord{{Patient: nodetest.Jack, Record: record}}}); err != nil {
		t.Fatal(err)
	}
	transport := p.transport(nil)
	response, err := (&http.Client{Transport: transport}).Get(url + pdsapi.Base + "/Patient/" + nodetest.Jack)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d", response.StatusCode)
	}
	c, err := pds.New(pds.Config{Base: url + pdsapi.Base, TokenURL: url + pdsapi.TokenPath, APIKey: asid, KeyID: "reader-1", Key: key, Now: p.Clock.Now, Rate: 100,
		HTTP: &http.Client{Transport: transport}, TTL: -1, Trip: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	p.eventually("the system is known and finds the patient", func() bool {
		got, err := c.Patient(t.Context(), jack)
		return err == nil && got.Family == "DAWKINS"
	})
}

// newKey returns a key and, as a system registers it, its public half.
func newKey(t *testing.T, id string) (*rsa.PrivateKey, spine.Keys) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(jose.JSONWebKey{Key: key.Public(), KeyID: id})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := spine.ParseKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	return key, keys
}

// A birth that is registered at the API reaches those who follow the mother, and the
// baby's record is there. A request that is sent again notifies nothing twice.
func TestPDSAPINotifiesBirths(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	const mother = "9990000050"
	s.Subscribe(s.Leeds(), "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|"+mother+"&MessageHeader.event=pds-birth-notification-1", nodetest.LeedsBox)
	day := s.Clock.Now().AddDate(0, 0, -1).Format("2006-01-02")
	body := strings.NewReplacer("DAY", day, "MOTHER", mother).Replace(`{"resourceType":"Bundle","type":"transaction","entry":[
		{"resource":{"resourceType":"Patient","name":[{"given":["Rose"],"family":"Tremayne","use":"usual","period":{"start":"DAY"}}],"gender":"female","birthDate":"DAY",
			"_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime","valueDateTime":"DAYT10:15:00+00:00"}]},
			"address":[{"use":"home","line":["1 Trevelyan Square","Leeds"],"period":{"start":"DAY"},"postalCode":"LS1 6AE"}],"multipleBirthInteger":1,
			"extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-RegisteringAuthority","extension":[{"url":"registeringAuthorityType"},{"url":"organisationIdentifier","valueString":"RR8"}]}]}},
		{"resource":{"resourceType":"Observation","code":{"coding":[{"code":"364589006"}]},"valueQuantity":{"value":2900}}},
		{"resource":{"resourceType":"Observation","code":{"coding":[{"code":"268477000"}]},"valueQuantity":{"value":38}}},
		{"resource":{"resourceType":"Observation","code":{"coding":[{"code":"246435002"}]},"valueInteger":1}},
		{"resource":{"resourceType":"RelatedPerson","identifier":[{"value":"MOTHER"}]}}]}`)
	id := uuid.NewString()
	var babies []string
	for range 2 {
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+pdsapi.Base+"/Patient/$process-birth-details", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Request-ID", id)
		r.Header.Set("Content-Type", "application/fhir+json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		err = json.NewDecoder(response.Body).Decode(&v)
		response.Body.Close()
		if baby, _ := v["id"].(string); err != nil || response.StatusCode != http.StatusCreated || baby == "" {
			t.Fatalf("%d %v %v", response.StatusCode, v, err)
		} else {
			babies = append(babies, baby)
		}
	}
	if babies[0] != babies[1] {
		t.Error("the baby got two numbers")
	}
	if codes := strings.Join(events(s.Collect(nodetest.LeedsBox)), " "); codes != "BIRTHNOTIFICATION_1" {
		t.Errorf("%q", codes)
	}
	if response, relatives := askPDS(t, s, "GET", "/Patient/"+babies[0]+"/RelatedPerson", "", ""); response.StatusCode != http.StatusOK || relatives["total"] != 1.0 {
		t.Errorf("%d %v", response.StatusCode, relatives)
	}
}
