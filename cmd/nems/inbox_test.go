package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// inboxMessage is an event of a patient, with everything that a receiver reads.
const inboxMessage = `<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><resource><MessageHeader>` +
	`<id value="9d0a2d0e-0000-4000-8000-000000000001"/><meta><lastUpdated value="2026-01-02T03:04:05+00:00"/></meta>` +
	`<extension url="https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1"><extension url="nhsNumber">` +
	`<valueIdentifier><system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="9990000026"/></valueIdentifier></extension></extension>` +
	`<extension url="https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1"><valueCodeableConcept><coding><code value="new"/></coding></valueCodeableConcept></extension>` +
	`<event><system value="https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"/><code value="vaccinations-1"/></event>` +
	`<source><endpoint value="urn:nhs:addressing:asid:300000000161"/></source><focus><reference value="urn:uuid:1"/></focus></MessageHeader></resource></entry>` +
	`<entry><fullUrl value="urn:uuid:1"/><resource><Immunization><identifier><value value="jab"/></identifier></Immunization></resource></entry></Bundle>`

// inboxMESH is a MESH whose mailbox holds copies of the message under these ids.
type inboxMESH struct {
	mu     sync.Mutex
	ids    []string
	header [2]string // a further one of each message
}

func (s *inboxMESH) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodPut:
		var left []string
		for _, id := range s.ids {
			if id != parts[3] {
				left = append(left, id)
			}
		}
		s.ids = left
	case len(parts) == 3:
		_ = json.NewEncoder(w).Encode(map[string]any{"messages": s.ids})
	case len(parts) == 4:
		w.Header().Set("mex-messagetype", "DATA")
		w.Header().Set("mex-workflowid", "VACCINATIONS_1")
		w.Header().Set("mex-from", "X26NEMS")
		w.Header().Set("mex-partnerid", "sub|tag")
		if s.header[0] != "" {
			w.Header().Set(s.header[0], s.header[1])
		}
		fmt.Fprint(w, inboxMessage)
	}
}

// collectInbox runs one inbox command against a mailbox and returns its rows.
func collectInbox(t *testing.T, s *inboxMESH, change func(*inboxCmd)) (rows string, err error) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	var out bytes.Buffer
	c := &inboxCmd{Mailbox: "BOX", URL: server.URL, Password: "password", SharedKey: "TestKey", Format: "text", Attempts: 1, out: &out}
	change(c)
	err = c.Run(t.Context())
	return out.String(), err
}

func TestInboxSavesAndTellsRepeats(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "save")
	s := &inboxMESH{ids: []string{"M1"}}
	save := func(c *inboxCmd) { c.Save = folder }
	rows, err := collectInbox(t, s, save)
	file := filepath.Join(folder, "M1.xml")
	want := fmt.Sprintf("M1\tVACCINATIONS_1\tX26NEMS\t%d bytes\tsub|tag\t%s\thandled\tvaccinations-1\tnew\tfirst\t\n", len(inboxMessage), file)
	if err != nil || rows != want {
		t.Errorf("%v\ngot  %q\nwant %q", err, rows, want)
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != inboxMessage {
		t.Errorf("saved: %v, %d bytes", err, len(kept))
	}
	s.ids = []string{"M2"} // the same event again, in another run
	if rows, err = collectInbox(t, s, save); err != nil || !strings.Contains(rows, "\trepeat\t") {
		t.Errorf("%v, %q", err, rows)
	}
	if _, err := os.Stat(filepath.Join(folder, "M2.xml")); !os.IsNotExist(err) {
		t.Errorf("the repeat was saved: %v", err)
	}
	if len(s.ids) != 0 {
		t.Errorf("left in the mailbox: %q", s.ids)
	}
}

func TestInboxGivesMessagesToACommand(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("NEMS_MAILBOX_PASSWORD", "password")
	s := &inboxMESH{ids: []string{"M1"}}
	_, err := collectInbox(t, s, func(c *inboxCmd) {
		c.Memory = filepath.Join(folder, "memory")
		c.Exec = "cat > '" + folder + "/body'; env > '" + folder + "/env'"
	})
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(filepath.Join(folder, "body"))
	if err != nil || string(body) != inboxMessage {
		t.Errorf("%v, standard input %d bytes", err, len(body))
	}
	env, err := os.ReadFile(filepath.Join(folder, "env"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NEMS_MSG_EVENT=vaccinations-1\n", "NEMS_MSG_MESH_ID=M1\n", "NEMS_MSG_ORDER=first\n", "NEMS_MSG_SUBSCRIPTIONS=sub|tag\n"} {
		if !strings.Contains(string(env), want) {
			t.Errorf("no %q in the environment", want)
		}
	}
	for _, secret := range []string{"9990000026", "NEMS_MAILBOX_PASSWORD"} {
		if strings.Contains(string(env), secret) {
			t.Errorf("%s is in the environment", secret)
		}
	}
}

func TestInboxLeavesWhatTheCommandRefuses(t *testing.T) {
	s := &inboxMESH{ids: []string{"M1"}}
	folder := t.TempDir()
	refuse := func(c *inboxCmd) { c.Exec, c.Memory, c.Format = "exit 3", filepath.Join(folder, "memory"), "json" }
	rows, err := collectInbox(t, s, refuse)
	var row inboxRow
	if e := json.Unmarshal([]byte(rows), &row); e != nil {
		t.Fatalf("%v: %q", e, rows)
	}
	if err != errFailed || row.Outcome != "left" || row.Error != "command: exit status 3" || len(s.ids) != 1 {
		t.Errorf("%v, %+v, mailbox %q", err, row, s.ids)
	}
	_, err = collectInbox(t, s, func(c *inboxCmd) {
		refuse(c)
		c.SetAside = filepath.Join(folder, "aside")
	})
	if _, e := os.Stat(filepath.Join(folder, "aside", "M1.message")); e != nil || err != nil || len(s.ids) != 0 {
		t.Errorf("%v, %v, mailbox %q", e, err, s.ids)
	}
}

func TestInboxDestroysOnlyWhatItIsToldTo(t *testing.T) {
	s := &inboxMESH{ids: []string{"M1", "M2"}}
	if _, err := collectInbox(t, s, func(c *inboxCmd) { c.Discard = true }); err != nil || len(s.ids) != 0 {
		t.Errorf("--discard: %v, mailbox %q", err, s.ids)
	}
	for _, c := range []inboxCmd{{Discard: true, Save: "x"}, {Discard: true, Exec: "x"}, {Discard: true, Keep: true}} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "--discard") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestInboxKeepsAndShowsATable(t *testing.T) {
	s := &inboxMESH{ids: []string{"M1", "M2"}}
	rows, err := collectInbox(t, s, func(*inboxCmd) {})
	if err != nil || strings.Count(rows, "\tleft\t") != 2 || len(s.ids) != 2 {
		t.Errorf("%v, %q, mailbox %q", err, rows, s.ids)
	}
	var out bytes.Buffer
	w := inboxWriter{inboxCmd: &inboxCmd{Format: "text"}, w: &out, table: true}
	for range 2 {
		if err := w.print(inboxRow{ID: "M1", Event: "vaccinations-1", Own: true}); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Split(out.String(), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "MESSAGE") || !strings.HasSuffix(lines[1], "own") {
		t.Errorf("%q", lines)
	}
}

// TestInboxBelievesNEMSAlone checks that a message that only looks like an event is
// neither saved nor passed to the command. It stays in the mailbox, or is set aside
// if that is allowed.
func TestInboxBelievesNEMSAlone(t *testing.T) {
	folder := t.TempDir()
	collect := func(s *inboxMESH, senders ...string) (string, error) {
		return collectInbox(t, s, func(c *inboxCmd) {
			c.Save, c.Exec, c.Sender = filepath.Join(folder, "save"), "touch '"+folder+"/ran'", senders
		})
	}
	s := &inboxMESH{ids: []string{"M1"}}
	rows, err := collect(s, "SOMEBODY")
	if err != errFailed || !strings.Contains(rows, "\tleft\tother\t") || !strings.Contains(rows, "another mailbox") || len(s.ids) != 1 {
		t.Errorf("%v, %q, mailbox %q", err, rows, s.ids)
	}
	for _, name := range []string{"save/M1.xml", "ran"} {
		if _, err := os.Stat(filepath.Join(folder, name)); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rows, err = collect(s, "SOMEBODY", "*"); err != nil || len(s.ids) != 0 {
		t.Errorf("%v, %q, mailbox %q", err, rows, s.ids)
	}
}

// A message that comes again by a replay says so, also from a MESH that hands on no
// header of ours.
func TestInboxTellsReplays(t *testing.T) {
	for name, header := range map[string][2]string{"our MESH": {"mex-replay", "R-7"}, "another": {"mex-subject", "NEMS replay R-7"}} {
		t.Run(name, func(t *testing.T) {
			s := &inboxMESH{ids: []string{"M1"}, header: header}
			rows, err := collectInbox(t, s, func(c *inboxCmd) { c.Format = "json" })
			if err != nil || !strings.Contains(rows, `"replay":"R-7"`) {
				t.Errorf("%s, %v", rows, err)
			}
		})
	}
}
