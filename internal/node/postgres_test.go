package node_test

import (
	"net/http"
	"strings"
	"testing"

	"nems/internal/directory/devworld"
	"nems/internal/mesh"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/store/postgres/pgtest"
)

// TestTwoNodes runs two nodes over one PostgreSQL database. A change made on
// one must be in force on the other as soon as it is answered.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	shared := func(c *node.Config) { c.Database = url }
	here, there := nodetest.Boot(t, shared), nodetest.Boot(t, shared)
	const about = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=vaccinations-1"
	message := nodetest.Message(t, "vaccinations-1", "new", "9912003888")
	for round := range 20 {
		one, other := here, there
		if round%2 == 1 {
			one, other = there, here
		}
		id := one.Subscribe(one.Leeds(), about, "MAILBOX1234")
		other.Publish(other.Publisher(), message)
		copies := one.Collect("MAILBOX1234")
		if len(copies) != 1 || string(copies[0].Body) != string(message) {
			t.Fatalf("round %d: %d copies", round, len(copies))
		}
		if err := other.Leeds().Unsubscribe(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		one.Publish(one.Publisher(), message)
		if copies := other.Collect("MAILBOX1234"); len(copies) != 0 {
			t.Fatalf("round %d: %d copies after the deletion", round, len(copies))
		}
	}
	// A token that one node has seen cannot be used on the other.
	token := mesh.NewToken("MAILBOX1234", devworld.Password, []byte(devworld.SharedKey), "7e6b1e0c-9a4f-4d5a-8a56-3b2f8f1f7f10", 1, here.Clock.Now()).String()
	for i, want := range []int{200, 403} {
		s := []*nodetest.Server{here, there}[i]
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/messageexchange/MAILBOX1234/inbox", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		answer, err := s.HTTP.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != want {
			t.Errorf("use %d of a token: %d instead of %d", i+1, answer.StatusCode, want)
		}
	}
	if a := there.Get("/health/ready"); a.Status != 200 {
		t.Errorf("ready: %d", a.Status)
	}
	if page := string(there.Get("/console/").Body); !strings.Contains(page, "MAILBOX1234") {
		t.Error("the console lacks the mailboxes")
	}
}

// TestSearchOverNodes follows the link of a page on another node, because the
// balancer chooses which node answers.
func TestSearchOverNodes(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	shared := func(c *node.Config) { c.Database = url }
	here, there := nodetest.Boot(t, shared), nodetest.Boot(t, shared)
	for _, event := range []string{"vaccinations-1", "pds-change-of-gp-1", "pds-death-notification-1"} {
		here.Subscribe(here.Leeds(), about(nodetest.Jack)+"&MessageHeader.event="+event, leeds)
	}
	search := here.ReadRequest("")
	search.Path = nodetest.SubscribePath + "?_count=2"
	first := here.Send(search.Set("Accept", "application/fhir+json"))
	_, link, found := strings.Cut(string(first.Body), `"next","url":"`+here.URL+nodetest.SubscribePath+"?_cursor=")
	if first.Status != 200 || !found {
		t.Fatalf("first page: %d %s", first.Status, first.Body)
	}
	cursor, _, _ := strings.Cut(link, `"`)
	search.Path = nodetest.SubscribePath + "?_cursor=" + cursor
	if second := there.Send(search); second.Status != 200 || strings.Count(string(second.Body), `"criteria"`) != 1 {
		t.Errorf("second page: %d %s", second.Status, second.Body)
	}
}
