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

	"nems/internal/directory/devworld"
	"nems/internal/directory/pds/pdstest"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// TestPatientDirectoryAway publishes while PDS is away: events are accepted, and
// routed to the subscriptions of their acceptance when it is back.
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
	s.Run() // what waits, waits on disk

	service.Always(pdstest.Patient, pdstest.None)
	waiting := func() bool {
		return !strings.Contains(string(s.Get("/metrics").Body), `nems_events_unrouted{state="pending"} 0`)
	}
	for deadline := time.Now().Add(40 * time.Second); waiting(); {
		if time.Now().After(deadline) {
			t.Fatal("the events still wait")
		}
		<-time.After(50 * time.Millisecond)
	}
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

// asksPDS has a server look patients up at a service.
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

// TestNothingIsRemembered has each look-up asked for, also of patients that PDS
// did not have a moment ago.
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
