package node_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"nems/internal/fhir"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// formats are the media types of the two formats, each in another spelling.
var formats = []struct {
	name, media string
	json        bool
}{
	{"XML", "application/fhir+xml", false},
	{"JSON", "application/fhir+json; charset=utf-8", true},
}

var issued = regexp.MustCompile(`/STU3/Subscription/([0-9a-f]{32})$`)

// TestLifeOfASubscription creates, reads and deletes in each format, and reads
// in both.
func TestLifeOfASubscription(t *testing.T) {
	s := nodetest.Boot(t)
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			criteria := about(nodetest.Jack) + vaccinations + "&tag=" + f.name
			id := creates(t, s, f.media, resource(t, nodetest.SubscriptionXML(criteria, leeds, "RR8"), f.json))
			for _, g := range formats {
				a := s.Send(s.ReadRequest(id).Set("Accept", g.media))
				read := parsed(t, a, g.json)
				if a.Status != 200 || read.Name() != "Subscription" {
					t.Fatalf("read in %s: %d %s", g.name, a.Status, a.Body)
				}
				got := []string{read.Child("id").Value(), read.At("meta", "versionId").Value(), read.Child("status").Value(), read.Child("criteria").Value(), read.At("channel", "endpoint").Value()}
				want := []string{id, "1", "active", criteria, leeds}
				if strings.Join(got, " ") != strings.Join(want, " ") {
					t.Errorf("read in %s: expected %q; received %q", g.name, want, got)
				}
			}
			if a := s.Send(s.DeleteRequest(id)); a.Status != 200 {
				t.Errorf("delete: expected 200; received %d", a.Status)
			}
			if a := s.Send(s.ReadRequest(id)); a.Status != 404 {
				t.Errorf("read once deleted: expected 404; received %d", a.Status)
			}
		})
	}
}

// creates posts a subscription and checks the answer: 201, no body, and a Location with its id.
func creates(t *testing.T, s *nodetest.Server, media string, body []byte) string {
	t.Helper()
	a := s.Send(s.SubscribeRequest(body).Set("Content-Type", media).Set("Accept", media))
	id := issued.FindStringSubmatch(a.Header.Get("Location"))
	if a.Status != 201 || len(a.Body) > 0 || id == nil {
		t.Fatalf("create: expected 201, no body, and a Location; received %d %q %s", a.Status, a.Header.Get("Location"), a.Body)
	}
	return id[1]
}

// resource returns a resource given in XML, converted to JSON if that is wanted.
func resource(t *testing.T, xml []byte, json bool) []byte {
	t.Helper()
	if !json {
		return xml
	}
	doc, _, err := fhir.ParseXML(xml)
	if err != nil {
		t.Fatal(err)
	}
	body, err := fhir.XMLToJSON(doc)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// parsed reads a body in the requested format, which must be valid.
func parsed(t *testing.T, a nodetest.Answer, json bool) fhir.Node {
	t.Helper()
	body, findings, err := a.Body, []fhir.Finding(nil), error(nil)
	if json {
		body, findings, err = fhir.JSONToXML(body)
	}
	if err != nil || len(findings) > 0 {
		t.Fatalf("not FHIR JSON: %v %v\n%s", err, findings, a.Body)
	}
	doc, findings, err := fhir.ParseXML(body)
	if err != nil || len(findings) > 0 {
		t.Fatalf("not valid: %v %v\n%s", err, findings, a.Body)
	}
	return doc.Root()
}

// TestManyMailboxes publishes to more mailboxes than are written at once. Each
// must have its only copy, even when the server stops in between.
func TestManyMailboxes(t *testing.T) {
	const many = 150
	var lines bytes.Buffer
	for n := range many {
		fmt.Fprintf(&lines, `{"mailbox_id": "MANY%03d", "mailbox_name": "One of many", "ods_code": "RR8", "password": "password"}`+"\n", n)
	}
	file := filepath.Join(t.TempDir(), "mailboxes.jsonl")
	if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := nodetest.Boot(t, func(c *node.Config) { c.MeshMailboxes = file })
	for n := range many {
		s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, fmt.Sprintf("MANY%03d", n))
	}
	messages := [][]byte{nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack), nodetest.Message(t, "vaccinations-1", "update", nodetest.Jack)}
	for _, message := range messages {
		s.Publish(s.Publisher(), message)
	}
	s.Stop()
	s.Run()
	for n := range many {
		box := fmt.Sprintf("MANY%03d", n)
		copies := s.Collect(box)
		if len(copies) != len(messages) || !bytes.Equal(copies[0].Body, messages[0]) || !bytes.Equal(copies[1].Body, messages[1]) {
			t.Errorf("%s: expected %d copies in the order of the publishes; received %d", box, len(messages), len(copies))
		}
	}
}

// TestPagesOfAnInbox puts more into a mailbox than a page of its list holds.
func TestPagesOfAnInbox(t *testing.T) {
	s := nodetest.Boot(t)
	s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	message := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	const published = 530
	publisher := s.Publisher()
	var all errgroup.Group
	all.SetLimit(8) // they share commits
	for range published {
		all.Go(func() error {
			_, err := publisher.Publish(context.Background(), message)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	first, err := s.Mailbox(leeds).List(context.Background())
	if err != nil || len(first) != 500 {
		t.Errorf("a page: expected 500; received %d, %v", len(first), err)
	}
	if n := len(s.Collect(leeds)); n != published {
		t.Errorf("expected %d copies; received %d", published, n)
	}
}
