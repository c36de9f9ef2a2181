package assure_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"nems/internal/assure"
	"nems/internal/directory/pds"
	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/node/nodetest"
	"nems/message"
	"nems/publisher"
)

// surgery is a small publishing system, which does everything right, except what wrong
// names: one thing of the table ways.
type surgery struct {
	t      testing.TB
	url    string
	clock  *nodetest.Clock
	wrong  string
	http   *http.Client
	traces publisher.Demographics
	// what it has published: the identifier and the moment of the last version.
	identifier string
	moment     time.Time
	id         string         // of the last message
	numbers    map[string]int // of messages about a patient
	heard      bool           // there was a warning
	warned     []string
}

// tracer is publisher/pds without its limit of requests a second, which would make the
// tests slow.
type tracer struct{ client *pds.Client }

// Trace implements publisher.Tracer.
func (c tracer) Trace(ctx context.Context, number string) (publisher.Traced, error) {
	n, err := nhs.ParseNHSNumber(number)
	if err != nil {
		return publisher.Traced{}, err
	}
	p, err := c.client.Patient(ctx, n)
	if err != nil {
		return publisher.Traced{}, err
	}
	out := publisher.Traced{NHSNumber: number, Family: p.Family, Given: p.Given, Sensitive: p.Sensitive, Invalid: p.Invalid}
	if !p.SupersededBy.IsZero() {
		out.NHSNumber = p.SupersededBy.Digits()
	}
	if !p.BirthDate.IsZero() {
		out.BirthDate = message.Date(p.BirthDate.Format(time.DateOnly))
	}
	return out, nil
}

// key is an RSA key of all tests, because making one takes long.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func newSurgery(t testing.TB, s *assure.Service, clock *nodetest.Clock, wrong string) *surgery {
	t.Helper()
	client, err := pds.New(pds.Config{
		Base: s.URL + "/personal-demographics/FHIR/R4", TokenURL: s.URL + "/oauth2/token", APIKey: "surgery", KeyID: "surgery-1", Key: key(), Now: clock.Now,
		TTL: -1, NegativeTTL: -1, Rate: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &surgery{numbers: map[string]int{},
		t: t, url: s.URL, clock: clock, wrong: wrong, traces: publisher.Demographics{Tracer: tracer{client}},
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// Do implements assure.Driver: it does what a step asks.
func (y *surgery) Do(ctx context.Context, s *assure.Step) error {
	ctx = context.WithoutCancel(ctx) // it ends its work when enough has come
	for range max(s.Wants, 1) {
		if err := y.event(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// Confirm implements assure.Driver: its operators see the warnings in a list.
func (y *surgery) Confirm(_ context.Context, s *assure.Step) (*bool, error) {
	if s.Plan.ID == "deprecated" && !y.heard {
		return nil, nil // there was no warning to tell of
	}
	yes := len(y.warned) > 0 || s.Plan.ID != "deprecated"
	if s.Plan.ID == "records" && y.wrong == "keeps no record" {
		yes = false
	}
	return &yes, nil
}

// event records an event and publishes it.
func (y *surgery) event(ctx context.Context, s *assure.Step) error {
	if s.Event == nil || s.Plan.Kind == "" {
		return nil // nothing is to be recorded
	}
	if s.Plan.ID == "dissent" && y.wrong != "publishes against dissent" {
		return nil
	}
	about := s.Asked.NHSNumber
	if y.wrong == "another patient" && s.Plan.ID == "two" {
		about = "9434765919"
	}
	patient, err := y.traces.Patient(ctx, message.Patient{NHSNumber: about})
	if errors.Is(err, publisher.ErrHeldBack) && y.wrong != "publishes about flagged patients" {
		return nil
	}
	if err != nil && y.wrong != "publishes about flagged patients" {
		return err
	}
	if y.wrong == "publishes about flagged patients" && err != nil || y.wrong == "does not trace" {
		patient = message.Patient{
			NHSNumber: s.Asked.NHSNumber, Names: []message.HumanName{{Family: "DAWKINS", Given: []string{"Jack"}}}, BirthDate: "2017-10-02",
		}
		if s.Asked.NHSNumber != "9912003888" {
			patient.Names, patient.BirthDate = []message.HumanName{{Family: s.Asked.Family, Given: strings.Fields(s.Asked.Given)}}, message.Date(s.Asked.Born)
		}
	}
	patient.Gender = "unknown"
	y.clock.Set(y.clock.Now().Add(time.Second))
	if s.Plan.Kind == "new" || y.wrong == "new identifiers in corrections" {
		y.identifier = uuid.NewString()
	}
	if s.Plan.Kind == "new" || y.wrong != "corrections are not newer" {
		y.moment = y.clock.Now()
	}
	return y.deliver(ctx, y.vaccination(patient), s.Plan.Kind)
}

// vaccination is what the surgery publishes.
func (y *surgery) vaccination(p message.Patient) message.Vaccination {
	v := message.Vaccination{
		Header: message.Header{
			Timestamp: y.clock.Now(), LastUpdated: y.moment,
			Source:      message.Source{Name: "Surgery system", ASID: "300000000161", Contact: message.Contact{System: message.Phone, Value: "0191 498 0000"}},
			Responsible: message.Organisation{ODS: "A83627", Name: "EXAMPLE SURGERY"},
		},
		Patient:    p,
		Identifier: message.Identifier{System: "https://surgery.example/vaccinations", Value: y.identifier},
		Procedure:  message.Snomed{Code: "308081000000105", Display: "Measles mumps and rubella vaccination - first dose (procedure)"},
		Outcome: message.Given{
			Vaccine: message.Snomed{Code: "871831003", Display: "Vaccine product containing only live attenuated antigens of measles, mumps and rubella viruses"},
			Batch:   "LOT0001", Site: &message.Snomed{Code: "61396006", Display: "Structure of left thigh"},
			Dose: 1, Disease: &message.Snomed{Code: "14189004", Display: "Measles"},
		},
		Date:      message.On(y.clock.Now()),
		Encounter: &message.Encounter{Type: message.Encounter1Year},
	}
	y.numbers[p.NHSNumber]++
	switch y.wrong {
	case "sequence numbers start anew":
		v.Header.VersionID = "1"
	case "corrections are not newer": // it has no numbers
	default:
		v.Header.VersionID = strconv.Itoa(y.numbers[p.NHSNumber])
	}
	if y.wrong == "message ids used again" && y.id != "" {
		v.Header.ID = y.id
	} else {
		v.Header.ID = uuid.NewString()
	}
	y.id = v.Header.ID
	return v
}

// bytes writes the message.
func (y *surgery) bytes(v message.Vaccination, kind string) []byte {
	if y.wrong == "corrections have only changes" && kind != "new" {
		v.Encounter = nil
	}
	write := map[string]func() ([]byte, error){"new": v.New, "update": v.Update, "delete": v.Delete}[kind]
	if y.wrong == "everything is new" {
		write = v.New
	}
	xml, err := write()
	if err != nil {
		y.t.Fatal(err)
	}
	switch y.wrong {
	case "no contact":
		xml = between(y.t, xml, "<contact>", "</contact>", "")
	case "no lastUpdated":
		xml = between(y.t, xml, "<lastUpdated ", "/>", "")
	}
	return xml
}

// between replaces the first part of a text that begins and ends so.
func between(t testing.TB, text []byte, from, to, with string) []byte {
	t.Helper()
	a := bytes.Index(text, []byte(from))
	if a < 0 {
		t.Fatalf("there is no %s", from)
	}
	b := a + bytes.Index(text[a:], []byte(to)) + len(to)
	return slices.Concat(text[:a], []byte(with), text[b:])
}

// deliver publishes a message until it is accepted or refused.
func (y *surgery) deliver(ctx context.Context, v message.Vaccination, kind string) error {
	xml := y.bytes(v, kind)
	for attempt := 1; attempt <= 4; attempt++ {
		status, retryAfter, body, err := y.post(ctx, xml)
		again := err != nil || status == http.StatusTooManyRequests || status >= 500
		switch {
		case status == http.StatusAccepted && bytes.Contains(body, []byte(`"DEPRECATED"`)):
			if y.heard = true; y.wrong != "operators are not told" {
				y.warned = append(y.warned, string(body))
			}
			again = y.wrong == "takes a warning for a failure" && attempt == 1
		case status == http.StatusAccepted:
			again = y.wrong == "sends everything twice" && attempt == 1
		case status >= 400 && status < 500 && status != http.StatusTooManyRequests:
			again = y.wrong == "sends what was refused again"
		}
		if again && (err != nil || status >= 429) && y.wrong == "gives up" {
			return nil
		}
		if !again {
			return nil
		}
		if retryAfter > 0 && y.wrong != "does not wait" {
			y.clock.Set(y.clock.Now().Add(retryAfter))
		}
		if y.wrong == "repeats under another id" && status != http.StatusAccepted {
			v.Header.ID = uuid.NewString()
			xml = y.bytes(v, kind)
		}
	}
	return nil
}

// post sends a message once.
func (y *surgery) post(ctx context.Context, xml []byte) (status int, retryAfter time.Duration, body []byte, err error) {
	path := "/STU3/Events/1/$process-message"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, y.url+path, bytes.NewReader(xml))
	if err != nil {
		return 0, 0, nil, err
	}
	y.headers(r.Header)
	answer, err := y.http.Do(r)
	if err != nil {
		return 0, 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
	return answer.StatusCode, time.Duration(seconds) * time.Second, body, err
}

// headers are those of a publish.
func (y *surgery) headers(h http.Header) {
	t := jwt.Token{
		Issuer: "https://surgery.example", Audience: y.url, ASID: "300000000161", ODS: "A83627", Reason: "directcare",
		Scope: jwt.ScopePublish, Issued: y.clock.Now(),
	}
	change := map[string]func(){
		"tokens without organisation": func() { t.ODS = "" },
		"tokens live an hour":         func() { t.Expires = t.Issued.Add(time.Hour) },
		"the scope of reading":        func() { t.Scope = "patient/*.read" },
		"another reason":              func() { t.Reason = "secondary-uses" },
		"a subject of its own":        func() { t.Subject = "surgery" },
		"no issuer":                   func() { t.Issuer = "" },
		"the audience is no URL":      func() { t.Audience = "nems" },
		"another organisation":        func() { t.ODS = "RR8" },
		"tokens of the day before":    func() { t.Issued = t.Issued.Add(-24 * time.Hour) },
		"the token of another system": func() { t.ASID = nhs.ASID("200000000115") },
	}[y.wrong]
	if change != nil {
		change()
	}
	h.Set("Authorization", "Bearer "+t.Unsigned())
	h.Set("fromASID", "300000000161")
	h.Set("toASID", "111111111111")
	h.Set("InteractionID", "urn:nhs:names:services:events:Vaccinations.Write")
	h.Set("Content-Type", "application/fhir+xml")
	h.Set("Accept", "application/fhir+xml")
	switch y.wrong {
	case "toASID of its own":
		h.Set("toASID", "300000000161")
	case "no fromASID":
		h.Del("fromASID")
	case "XML without FHIR":
		h.Set("Content-Type", "application/xml")
	case "JSON wanted":
		h.Set("Accept", "application/json")
	case "no scheme before the token":
		h.Set("Authorization", t.Unsigned())
	case "the interaction of another event":
		h.Set("InteractionID", "urn:nhs:names:services:events:NewbornHearing.Write")
	case "the interaction of subscribing":
		h.Set("InteractionID", "urn:nhs:names:services:clinicals-sync:SubscriptionsApiPost")
	case "no token":
		h.Del("Authorization")
	}
}

// plain are headers that are right, on the machine's clock.
func (y *surgery) plain(interaction string) map[string]string {
	t := jwt.Token{
		Issuer: "https://surgery.example", Audience: y.url, ASID: "300000000161", ODS: "A83627", Reason: "directcare", Scope: jwt.ScopePublish, Issued: time.Now(),
	}
	return map[string]string{
		"Authorization": "Bearer " + t.Unsigned(), "fromASID": "300000000161", "toASID": "111111111111",
		"InteractionID": "urn:nhs:names:services:events:" + interaction + ".Write", "Content-Type": "application/fhir+xml",
	}
}
