package form_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"nems/internal/catalogue/example"
	"nems/internal/form"
	"nems/internal/store"
)

const base = "https://sandbox.api.service.nhs.uk/multicast-notification-service"

// published is an event with all that the MNS's schema allows.
const published = `{"specversion":"1.0","id":"236a1d4a-5d69-4fa9-9c7f-e72bf505aa5b","source":"uk.nhs.example-service","type":"example-event-1",
	"time":"2020-06-01T13:00:00Z","subject":"9912003888","dataref":"https://api.service.nhs.uk/example-service/1","versionid":"12",
	"filtering":{"generalpractitioner":"B86056","subjectage":17,"ratio":0.5,"flag":true,"absent":null,"list":["one",4]}}`

const legacy = `{"id":"236a1d4a-5d69-4fa9-9c7f-e72bf505aa5b","type":"pds-death-notification-1",
	"subject":{"nhsNumber":"9912003888","familyName":"DAWKINS","dob":"2017-10-02"},
	"source":{"name":"NHS DIGITAL","identifier":{"system":"https://fhir.nhs.uk/Id/nhsSpineASID","value":"477121000324"}},
	"time":"2022-04-05T17:31:00.000Z","data":{"versionId":"W/\"16\"","fullUrl":"https://example.org/Patient/9912003888","deathNotificationStatus":"2"}}`

// TestSignals are what the MNS's schema asks of a signal, and its examples show.
func TestSignals(t *testing.T) {
	message := exampleOf(t, "pds-change-of-gp-1")
	for name, test := range map[string]struct {
		delivery store.Delivery
		as       string
		message  string
		event    []string // notification-event
		context  []string // additional-context
	}{
		"published": {store.Delivery{Code: "mns.example-event-1"}, "", published,
			[]string{"event-number=1", "timestamp=2020-06-01T13:00:00Z", "focus=https://api.service.nhs.uk/example-service/1"},
			[]string{"event-type=example-event-1", "source=uk.nhs.example-service", "subject=9912003888", "version-id=12"}},
		"the least": {store.Delivery{Code: "mns.example-event-1"}, "", `{"specversion":"1.0","id":"1","source":"s","type":"example-event-1","time":"2020-06-01T13:00:00Z"}`,
			[]string{"event-number=1", "timestamp=2020-06-01T13:00:00Z"}, []string{"event-type=example-event-1", "source=s"}},
		"first version": {store.Delivery{Code: "mns.pds-death-notification-1"}, "", legacy,
			[]string{"event-number=1", "timestamp=2022-04-05T17:31:00.000Z", "focus=https://example.org/Patient/9912003888"},
			[]string{"event-type=pds-death-notification-1", "source=https://fhir.nhs.uk/Id/nhsSpineASID/477121000324", "subject=9912003888", `version-id=W/"16"`}},
		"a message of the NEMS": {store.Delivery{Code: "pds-change-of-gp-1"}, "", message, nil,
			[]string{"event-type=pds-change-of-gp-2", "source=https://fhir.nhs.uk/Id/nhsSpineASID/477121000323", "subject=9912003888", `version-id=W/"7"`}},
		"under another type": {store.Delivery{Code: "pds-record-change-1"}, "nhs-number-change-2", message, nil,
			[]string{"event-type=nhs-number-change-2", "source=https://fhir.nhs.uk/Id/nhsSpineASID/477121000323", "subject=9912003888", `version-id=W/"7"`}},
		"what cannot be read": {store.Delivery{Code: "vaccinations-1", ID: "d", Accepted: time.Unix(0, 0)}, "", "no XML",
			[]string{"event-number=1", "timestamp=1970-01-01T00:00:00Z"}, []string{"event-type=imms-vaccination-record-change-1", "source=urn:nhs-uk:nems"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := form.MNS(test.delivery, test.as, []byte(test.message))
			if err != nil {
				t.Fatal(err)
			}
			body, err := s.FHIR(base, "1")
			if err != nil {
				t.Fatal(err)
			}
			checkSignal(t, body, test.event, test.context)
		})
	}
}

func exampleOf(t *testing.T, code string) string {
	t.Helper()
	message, err := example.Message(code, "new", example.Patient{})
	if err != nil {
		t.Fatal(err)
	}
	return string(message)
}

// part is a parameter of a signal, as its schema has it.
type part struct {
	Name      string `json:"name"`
	Reference struct {
		Reference  string
		Identifier struct{ Value string }
	} `json:"valueReference"`
	Code    string `json:"valueCode"`
	String  string `json:"valueString"`
	Instant string `json:"valueInstant"`
	URI     string `json:"valueUri"`
	Part    []part `json:"part"`
}

func (p part) value() string {
	return p.Name + "=" + p.Reference.Reference + p.Reference.Identifier.Value + p.Code + p.String + p.Instant + p.URI
}

func values(parts []part) (out []string) {
	for _, p := range parts {
		out = append(out, p.value())
	}
	return out
}

var urn = regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// checkSignal knows the facts of the schema: a Bundle of type history with one entry,
// which has exactly five parameters in their order. Values are compared but for those
// that end in *.
func checkSignal(t *testing.T, body []byte, event, context []string) {
	t.Helper()
	var got struct {
		ResourceType, ID, Type, Timestamp string
		Entry                             []struct {
			FullURL  string
			Resource struct {
				ResourceType, ID string
				Meta             struct{ Profile []string }
				Parameter        []part
			}
			Request  struct{ Method, URL string }
			Response struct{ Status string }
		}
	}
	if err := json.Unmarshal(body, &got, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse(time.RFC3339Nano, got.Timestamp); got.ResourceType != "Bundle" || got.ID == "" || got.Type != "history" || err != nil || len(got.Entry) != 1 {
		t.Fatalf("%s", body)
	}
	e := got.Entry[0]
	if !urn.MatchString(e.FullURL) || e.FullURL != "urn:uuid:"+e.Resource.ID || e.Resource.ResourceType != "Parameters" || len(e.Resource.Meta.Profile) != 1 ||
		e.Request.Method != "GET" || e.Request.URL != base+"/subscriptions" || e.Response.Status != "200" || len(e.Resource.Parameter) != 5 {
		t.Fatalf("%s", body)
	}
	p := e.Resource.Parameter
	if want := []string{"subscription=" + base + "/subscriptions", "status=active", "type=event-notification", "notification-event=", "additional-context="}; !slices.Equal(values(p), want) {
		t.Errorf("%v\nwant %v", values(p), want)
	}
	if event != nil && !slices.Equal(values(p[3].Part), event) {
		t.Errorf("%v\nwant %v", values(p[3].Part), event)
	}
	found := values(p[4].Part)
	if !slices.EqualFunc(found, context, func(a, b string) bool {
		before, _, any := strings.Cut(b, "*")
		return a == b || any && strings.HasPrefix(a, before)
	}) {
		t.Errorf("%v\nwant %v", found, context)
	}
}

func TestPublishedEvents(t *testing.T) {
	e, old, err := form.ReadPublished([]byte(published))
	if err != nil || old {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{"generalpractitioner": {"B86056"}, "subjectage": {"17"}, "ratio": {"0.5"}, "flag": {"true"}, "list": {"one", "4"}, "absent": nil} {
		if got := e.Attributes()[name]; !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	s, err := form.MNS(store.Delivery{Code: "mns.example-event-1"}, "", []byte(published))
	if err != nil {
		t.Fatal(err)
	}
	body, err := s.Body()
	if err != nil || strings.Contains(string(body), "filtering") || strings.Contains(string(body), "B86056") || !strings.Contains(string(body), `"versionid":"12"`) {
		t.Errorf("%s, %v", body, err)
	}
	if s, err = form.MNS(store.Delivery{Code: "mns.pds-death-notification-1"}, "", []byte(legacy)); err != nil {
		t.Fatal(err)
	}
	if body, err = s.Body(); err != nil || string(body) != legacy {
		t.Errorf("an event of the first version is delivered as it was published: %s, %v", body, err)
	}
	if _, err := form.MNS(store.Delivery{Code: "mns.example-event-1"}, "", []byte("no JSON")); err == nil {
		t.Error("what cannot be read became a signal")
	}
}

// TestTargets are read back from endpoints of every channel that has them.
func TestTargets(t *testing.T) {
	to := form.Target{Endpoint: "mesh://A?workflow_id=W", Payload: "application/json", Type: "a-1", Mailbox: "A", Workflow: "W"}
	for channel, value := range map[store.Channel]string{
		store.SignalChannel:  string(to.Pack()),
		store.QueueChannel:   strings.Replace(string(to.Pack()), "{", `{"region":"eu-west-2",`, 1),
		store.WebhookChannel: `{"url":"https://a.example/","target":` + string(to.Pack()) + `}`,
	} {
		if got, err := form.ReadTarget(store.Endpoint{Channel: channel, Value: []byte(value)}); err != nil || got != to {
			t.Errorf("%s: %+v, %v", channel, got, err)
		}
	}
	if _, err := form.ReadTarget(store.Endpoint{Value: []byte("no JSON")}); err == nil {
		t.Error("what cannot be read became a target")
	}
}
