package nation

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store/postgres/pgtest"
)

// The figures of the model that others name: 17,000 changes of GP a day, and as many
// births as a nation of 60 million has.
func TestModel(t *testing.T) {
	kinds, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	perDay, messages := map[string]float64{}, map[string]float64{}
	for _, k := range kinds {
		perDay[k.Name] += k.PerDay
		for _, e := range k.Events {
			messages[e] += k.PerDay
		}
	}
	if got := perDay["registered"] + perDay["deregistered"]; math.Abs(got-17_000) > 1 {
		t.Errorf("%.0f changes of GP a day; expected 17,000", got)
	}
	if got := perDay["born"] * 365.25; math.Abs(got-600_000) > 1 {
		t.Errorf("%.0f births a year; expected 600,000", got)
	}
	if len(messages) != 10 {
		t.Errorf("messages of %d event types; expected all ten", len(messages))
	}
	r, drawn := rand.New(rand.NewPCG(1, 1)), map[string]int{}
	const draws = 100_000
	sum := 0.0
	for _, k := range kinds {
		sum += k.PerDay
	}
	for range draws {
		drawn[draw(r, kinds).Name]++
	}
	for name, n := range perDay {
		want := n / sum * draws
		if got := float64(drawn[name]); math.Abs(got-want) > 5*math.Sqrt(want)+1 {
			t.Errorf("%s was drawn %.0f times; expected about %.0f", name, got, want)
		}
	}
}

// TestLoad puts a small nation on the real program: everything is accepted and all
// copies come.
func TestLoad(t *testing.T) {
	for name, database := range map[string]func() string{"sqlite": func() string { return "" }, "postgres": func() string { return pgtest.Shared(t).Database(t) }} {
		t.Run(name, func(t *testing.T) {
			s := nodetest.Boot(t, func(c *node.Config) { c.Database = database() })
			s.Clock.Set(time.Now()) // the world's people are as old as they are today
			access, err := operator.ReadAccess(s.Config.Data)
			if err != nil {
				t.Fatal(err)
			}
			system := func(asid, ods string) *client.Client {
				return &client.Client{URL: s.URL, ASID: asid, ODS: ods, NEMS: string(devworld.NEMS), HTTP: s.HTTP, Now: s.Clock.Now}
			}
			l := Load{
				Multiple: 40, Span: time.Second, Connections: 8, Patients: 400, Explicit: 50, NationalExplicit: 6_000_000, Mailboxes: 3, Collectors: 2, Seed: 7,
				Spine: system("477121000323", "X26"), Provider: system("300000000161", "A83627"), Subscriber: system("200000000116", "X26"), SubscriberODS: "X26",
				Password: devworld.Password, Desk: &operator.Client{Access: access, User: "tester", HTTP: s.HTTP}, Metrics: s.URL + "/metrics", Say: t.Logf,
				Mailbox: func(id string) (*client.Mailbox, error) {
					return client.NewMailbox(client.MailboxConfig{URL: s.URL, ID: id, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: s.HTTP, Now: s.Clock.Now})
				},
			}
			r, err := l.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", r)
			if r.Messages == 0 || len(r.Refused) > 0 || r.Copies == 0 || r.Subscriptions < 100 || r.Latency.P50 == 0 || r.Collected.P50 == 0 || r.Limit == "" {
				t.Errorf("%+v", r)
			}
		})
	}
}
