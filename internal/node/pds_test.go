package node_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/directory/pds/pdstest"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// TestPatientDirectoryAway publishes while PDS cannot be reached. The events
// must be accepted, and later routed to the subscriptions that existed at their
// acceptance.
func TestPatientDirectoryAway(t *testing.T) {
	t.Parallel()
	world, err := devworld.New()
	if err != nil {
		t.Fatal(err)
	}
	var s *nodetest.Server
	service := pdstest.Start(t, pdstest.Options{Patients: world, Now: func() time.Time { return s.Clock.Now() }})
	s = nodetest.Boot(t, asksPDS(t, service))
	const about = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=vaccinations-1"
	s.Subscribe(s.Leeds(), about, nodetest.LeedsBox)
	message := nodetest.Message(t, "vaccinations-1", "new", "9912003888")
	s.Publish(s.Publisher(), message)
	if copies := s.Collect(nodetest.LeedsBox); len(copies) != 1 {
		t.Fatalf("while PDS answers: %d copies", len(copies))
	}

	service.Always(pdstest.Patient, pdstest.Error503)
	s.Clock.Set(s.Clock.Now().Add(time.Hour)) // what is remembered is too old
	for range 3 {
		s.Publish(s.Publisher(), message)
	}
	if copies := s.Collect(nodetest.LeedsBox); len(copies) != 0 {
		t.Errorf("while PDS is away: %d copies", len(copies))
	}
	if figures := string(s.Get("/metrics").Body); !strings.Contains(figures, `nems_events_unrouted{state="pending"} 3`) {
		t.Error("the metrics do not show the three events that wait")
	}
	s.Stop()
	s.Run() // the waiting events are on disk

	service.Always(pdstest.Patient, pdstest.None)
	untilRouted(t, s)
	copies := s.Collect(nodetest.LeedsBox)
	if len(copies) != 3 {
		t.Fatalf("after PDS came back: %d copies", len(copies))
	}
	for _, c := range copies {
		if string(c.Body) != string(message) {
			t.Error("a copy differs from its message")
		}
	}
}

// untilRouted waits until no event waits for PDS.
func untilRouted(t *testing.T, s *nodetest.Server) {
	t.Helper()
	waiting := func() bool {
		return !strings.Contains(string(s.Get("/metrics").Body), `nems_events_unrouted{state="pending"} 0`)
	}
	for deadline := time.Now().Add(40 * time.Second); waiting(); {
		if time.Now().After(deadline) {
			t.Fatal("the events still wait")
		}
		<-time.After(50 * time.Millisecond)
	}
}

// TestChangesAreNewerThanPDS checks that what the Spine publishes is routed by
// its own content, even if PDS shows the earlier record or cannot be reached.
// Later messages are routed by what PDS shows then, whatever was remembered.
func TestChangesAreNewerThanPDS(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world, err := devworld.New()
			if err != nil {
				t.Fatal(err)
			}
			var s *nodetest.Server
			service := pdstest.Start(t, pdstest.Options{Patients: world, Now: func() time.Time { return s.Clock.Now() }})
			s = nodetest.Boot(t, asksPDS(t, service), func(c *node.Config) { c.Database = database(t) })
			f := follower{t, s}
			for tag, criteria := range map[string]string{
				"gp-B86056": rule("GP_GP_GP", "B86056"), "gp-E82025": rule("GP_GP_GP", "E82025"),
				"home-15F": rule("CHO_POSTCODE_CCG", "15F"), "home-15N": rule("CHO_POSTCODE_CCG", "15N"), "home-X2C4Y": rule("CHO_POSTCODE_CCG", "X2C4Y"),
				"jack": about(nodetest.Jack),
			} {
				for _, event := range []string{gp, address, "vaccinations-1"} {
					f.Subscribe(f.Leeds(), criteria+"&MessageHeader.event="+event+"&tag="+tag, leeds)
				}
			}
			jack := nodetest.Patient(t, nodetest.Jack)
			vaccinated := nodetest.MessageAbout(t, "vaccinations-1", "new", jack)
			f.want("at first", "vaccinations-1", vaccinated, "gp-B86056 home-15F jack")
			moved, changed := jack, jack
			moved.Postcode, changed.GP = "EX2 5SE", "E82025"
			changed.Family = "RENAMED"
			events := map[string][]byte{
				"a mover":    nodetest.MessageAbout(t, address, "new", moved),
				"a practice": nodetest.MessageAbout(t, gp, "new", changed),
				"suspension": suspension(nodetest.MessageAbout(t, gp, "new", jack)),
			}
			f.want("a mover", address, events["a mover"], "gp-B86056 home-15N home-X2C4Y jack")
			f.want("another practice and name", gp, events["a practice"], "gp-E82025 home-15F jack")
			f.want("a suspension", gp, events["suspension"], "home-15F jack")
			newcomer := changed
			newcomer.NHSNumber = nobody(t)
			f.want("somebody whom PDS does not show yet", gp, nodetest.MessageAbout(t, gp, "new", newcomer), "gp-E82025")
			f.want("PDS shows the old practice", "vaccinations-1", vaccinated, "gp-B86056 home-15F jack")

			service.Always(pdstest.Patient, pdstest.Error503)
			for _, heard := range []struct{ code, event string }{{address, "a mover"}, {gp, "a practice"}, {gp, "suspension"}} {
				f.want(heard.event+" while PDS is away", heard.code, events[heard.event], "")
			}
			service.Always(pdstest.Patient, pdstest.None)
			untilRouted(t, s)
			if got, want := f.collected(), "gp-B86056 gp-E82025 home-15F home-15F home-15N home-X2C4Y jack jack jack"; got != want {
				t.Errorf("after PDS came back: heard by %q, expected %q", got, want)
			}

			shown := jack
			shown.GP = "E82025"
			if err := world.PutPatients(t.Context(), []directory.Patient{shown}); err != nil {
				t.Fatal(err)
			}
			f.want("what was remembered is forgotten", gp, events["suspension"], "home-15F jack")
			f.want("PDS shows the new practice", "vaccinations-1", vaccinated, "gp-E82025 home-15F jack")
		})
	}
}

// asksPDS makes a server look patients up at a service.
func asksPDS(t *testing.T, service *pdstest.Server) func(*node.Config) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(pdstest.Key())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pds.key")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *node.Config) {
		c.PDS = node.PDS{URL: service.Base(), TokenURL: service.TokenURL(), APIKey: pdstest.APIKey, KeyID: pdstest.KeyID,
			Key: path, Rate: 1000, CacheTTL: time.Minute}
	}
}

// TestNothingIsRemembered checks that each look-up asks PDS, even about
// patients that PDS did not have a moment ago.
func TestNothingIsRemembered(t *testing.T) {
	t.Parallel()
	world, err := devworld.New()
	if err != nil {
		t.Fatal(err)
	}
	var s *nodetest.Server
	service := pdstest.Start(t, pdstest.Options{Patients: world, Now: func() time.Time { return s.Clock.Now() }})
	s = nodetest.Boot(t, asksPDS(t, service), func(c *node.Config) { c.PDS.CacheTTL = 0 })
	known := nodetest.Message(t, "vaccinations-1", "new", "9912003888")
	unknown := nodetest.Replace(t, known, "9912003888", "9990000018")
	for range 2 {
		for _, message := range [][]byte{known, unknown} {
			before := service.Requests(pdstest.Patient)
			if _, err := s.Publisher().Publish(t.Context(), message); (err == nil) != bytes.Equal(message, known) {
				t.Errorf("publish: %v", err)
			}
			if got := service.Requests(pdstest.Patient) - before; got != 1 {
				t.Errorf("%d requests for a patient", got)
			}
		}
	}
}
