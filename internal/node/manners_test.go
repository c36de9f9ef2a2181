package node_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"nems/client"
	"nems/internal/fhir"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// created creates a subscription with a tag of its own, and returns the
// Location that the subscriber gets for a Host and other headers.
func created(t *testing.T, s *nodetest.Server, tag, host string, header map[string]string) string {
	t.Helper()
	r := s.SubscribeRequest(nodetest.SubscriptionXML(about(nodetest.Jack)+vaccinations+"&tag="+tag, leeds, "RR8"))
	request, err := http.NewRequest(r.Method, s.URL+r.Path, strings.NewReader(string(r.Body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header, request.Host = r.Header, host
	for name, value := range header {
		request.Header.Set(name, value)
	}
	answer, err := s.HTTP.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != 201 {
		t.Fatalf("%s: expected 201; received %d", tag, answer.StatusCode)
	}
	return answer.Header.Get("Location")
}

// TestAddressIsTheCallers checks that a service that listens on all addresses
// never gives that address. It answers with the address that was used, and
// believes another one only from a configured proxy.
func TestAddressIsTheCallers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change    func(*node.Config)
		host      string
		forwarded string // base of the Location when a proxy says https://public.example.nhs.uk
	}{
		"nobody is believed": {func(*node.Config) {}, "", ""},
		"this machine is":    {func(c *node.Config) { c.ForwardedFrom = "127.0.0.0/8, ::1" }, "", "https://public.example.nhs.uk"},
		"a public address":   {func(c *node.Config) { c.PublicURL = "https://nems.example.nhs.uk/" }, "https://nems.example.nhs.uk", "https://nems.example.nhs.uk"},
	} {
		t.Run(name, func(t *testing.T) {
			s := nodetest.Boot(t, func(c *node.Config) { c.Listen = "0.0.0.0:0" }, c.change)
			at, err := url.Parse(s.URL)
			if err != nil || at.Hostname() != "localhost" {
				t.Fatalf("the service says that it is at %s", s.URL)
			}
			port := at.Port()
			wants := func(got, want string) {
				t.Helper()
				if c.host != "" {
					want = c.host
				}
				if !strings.HasPrefix(got, want+"/STU3/Subscription/") {
					t.Errorf("expected an address at %s; received %s", want, got)
				}
			}
			wants(created(t, s, "a", "localhost:"+port, nil), s.URL)
			wants(created(t, s, "b", "nems.hospital.nhs.uk:8880", nil), "http://nems.hospital.nhs.uk:8880")
			wants(created(t, s, "c", net.JoinHostPort("0.0.0.0", port), nil), "http://127.0.0.1:"+port)
			base := c.forwarded
			if base == "" {
				base = s.URL
			}
			wants(created(t, s, "d", "localhost:"+port, map[string]string{"X-Forwarded-Host": "public.example.nhs.uk", "X-Forwarded-Proto": "https"}), base)
			wants(created(t, s, "e", "localhost:"+port, map[string]string{"Forwarded": "for=192.0.2.1;host=public.example.nhs.uk;proto=https"}), base)
			statement, _, err := fhir.ParseXML(s.Get("/STU3/metadata").Body)
			if err != nil {
				t.Fatal(err)
			}
			wants(statement.Root().At("implementation", "url").Value()+"/Subscription/", s.URL)
			if page := string(s.Get("/console/help").Body); strings.Contains(page, "0.0.0.0") || strings.Contains(page, "[::]") {
				t.Error("the console shows the address of no machine")
			}
		})
	}
}

// TestProxyTellsTheAddress checks that a proxy known by its certificate is believed.
func TestProxyTellsTheAddress(t *testing.T) {
	t.Parallel()
	p := bootProduction(t, func(c *node.Config) { c.FHIR.ProxyName, c.PublicURL = proxyName, "" })
	for name, want := range map[string]string{proxyName: "https://public.example.nhs.uk/STU3", leedsName: p.URL + "/STU3"} {
		p.HTTP = p.caller(p.client(name))
		a := p.Send(&nodetest.Request{Method: "OPTIONS", Path: "/STU3/", Header: http.Header{"X-Forwarded-Host": {"public.example.nhs.uk"}}})
		statement, _, err := fhir.ParseXML(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := statement.Root().At("implementation", "url").Value(); a.Status != 200 || got != want {
			t.Errorf("%s: expected %s; received %d %s", name, want, a.Status, got)
		}
	}
}

// TestViews asks the real program for every form of an answer: a summary in JSON
// for people, a count, and alternative values in a search.
func TestViews(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	id := s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	s.Subscribe(s.Leeds(), about(nodetest.Alex)+"&MessageHeader.event=newborn-hearing-1", leeds)
	s.Subscribe(s.National(), about(nodetest.Jack)+vaccinations, national)
	ask := func(path string) nodetest.Answer {
		r := s.ReadRequest(id)
		r.Path = nodetest.SubscribePath + path
		return s.Send(r)
	}
	a := ask("/" + id + "?_format=json&_pretty=true&_summary=text")
	if text := string(a.Body); a.Status != 200 || a.Header.Get("Content-Type") != "application/fhir+json;charset=utf-8" ||
		!strings.Contains(text, "SUBSETTED") || strings.Contains(text, "contact") || strings.Count(text, "\n") < 10 {
		t.Errorf("a read: %d %s %s", a.Status, a.Header.Get("Content-Type"), a.Body)
	}
	for query, total := range map[string]string{"?_count=0": "2", "?_summary=count&event=vaccinations-1": "1", "?_count=0&event=vaccinations-1,newborn-hearing-1&status=active,off": "2"} {
		doc, _, err := fhir.ParseXML(ask(query).Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := doc.Root().Child("total").Value(); got != total || doc.Root().Count("entry") != 0 {
			t.Errorf("%s: expected a total of %s alone; received %s", query, total, got)
		}
	}
}

// TestTrailingSlashOfAMailbox follows a redirect as clients of the MESH sandbox
// do.
func TestTrailingSlashOfAMailbox(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	for path, want := range map[string]string{"/messageexchange/" + leeds + "/inbox/": "/messageexchange/" + leeds + "/inbox", "/messageexchange/_ping/": "/messageexchange/_ping", "/health/": "/health"} {
		if a := s.Get(path); a.Status != 307 || a.Header.Get("Location") != want {
			t.Errorf("%s: expected 307 to %s; received %d %q", path, want, a.Status, a.Header.Get("Location"))
		}
	}
}

// TestContactsOfPeople checks that a telephone number may be given in addition to
// the organisation.
func TestContactsOfPeople(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	body := nodetest.SubscriptionXML(about(nodetest.Jack)+vaccinations, leeds, "RR8")
	a := s.Send(s.SubscribeRequest(nodetest.Replace(t, body, "<reason", `<contact><system value="phone"/><value value="0113 496 0000"/></contact><reason`)))
	id := issued.FindStringSubmatch(a.Header.Get("Location"))
	if a.Status != 201 || id == nil {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if read := s.Send(s.ReadRequest(id[1])); !strings.Contains(string(read.Body), `<contact><system value="phone"/><value value="0113 496 0000"/></contact>`) {
		t.Errorf("it was not kept: %s", read.Body)
	}
	got, err := s.Leeds().Read(context.Background(), id[1])
	if want := (client.Subscription{ID: id[1], Status: "active", Criteria: about(nodetest.Jack) + vaccinations, Mailbox: leeds, Reason: got.Reason, Organisation: "RR8"}); err != nil || got != want {
		t.Errorf("read as %+v, %v", got, err)
	}
}
