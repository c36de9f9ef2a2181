package assure

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/receiver"
)

// subscriberDeeds give messages to the system under test. All but the first put copies
// into its mailbox themselves, as the service does: what comes, and in which order, is
// then certain.
var subscriberDeeds = map[string]Deed{
	"deliver":              {Says: "A message is published, and the service delivers it.", Do: publishOne},
	"deliver-twice":        {Says: "A message comes twice.", Do: delivering(twice)},
	"deliver-update":       {Says: "A message comes, then its update.", Do: delivering(updated)},
	"deliver-late":         {Says: "An older update comes after a newer one.", Do: delivering(late)},
	"deliver-out-of-order": {Says: "An update comes before what it corrects.", Do: delivering(outOfOrder)},
	"deliver-retraction":   {Says: "A message comes, then its withdrawal.", Do: delivering(retracted)},
	"deliver-unusual":      {Says: "A message comes with an unknown extension and its resources in another order.", Do: delivering(unusual)},
	"deliver-poison":       {Says: "A message that cannot be understood comes between two others.", Do: delivering(poison)},
	"deliver-large":        {Says: "A message of nearly the largest size comes in several chunks.", Do: delivering(large)},
	"deliver-unknown":      {Says: "A message comes about a patient whom the system does not know.", Do: delivering(stranger)},
	"deliver-burst":        {Says: "600 messages come at once.", Do: delivering(burst)},
	"mailbox-outage":       {Says: "The MESH answers 503 to the next calls.", Do: outage},
}

func init() {
	for name, d := range subscriberDeeds {
		deeds[name] = d
	}
}

// outageCalls is how many calls of the MESH API an outage lasts.
const outageCalls = 3

func outage(_ context.Context, r *Run, _ *Step) (func(context.Context) error, error) {
	r.Service.Record.breakMailbox(outageCalls)
	return func(context.Context) error { r.Service.Record.breakMailbox(0); return nil }, nil
}

// copyOf is a message to be put into the mailbox.
type copyOf struct {
	xml   []byte
	wants []string
}

// What is right to report.
var (
	processed  = []string{"processed"}
	repeated   = []string{"duplicate", "discarded"}
	overtaken  = []string{"superseded", "discarded"}
	withdrawn  = []string{"retracted"}
	setAside   = []string{"rejected", "discarded", "failed"}
	notOfOurs  = []string{"processed", "discarded", "rejected"}
	chunkBytes = int64(1 << 20)
)

// delivering is the deed that puts copies into the mailbox.
func delivering(copies func(m maker) ([]copyOf, error)) func(context.Context, *Run, *Step) (func(context.Context) error, error) {
	return func(ctx context.Context, r *Run, s *Step) (func(context.Context) error, error) {
		all, err := copies(maker{s.Event, s.Asked.NHSNumber, r.Service.Now()})
		if err != nil {
			return nil, err
		}
		c, err := mesh.NewClient(mesh.ClientConfig{
			URL: r.Service.Node, Mailbox: devworld.Mailbox, Password: devworld.Password, SharedKey: []byte(devworld.SharedKey), ChunkSize: chunkBytes,
		})
		if err != nil {
			return nil, err
		}
		defer c.Close()
		for i, one := range all {
			facts, _ := receiver.ReadFacts(one.xml)
			id, err := c.Send(ctx, mesh.Outgoing{
				Headers: mesh.Headers{
					To: r.Declared.Mailbox, WorkflowID: s.Event.Workflow, MessageType: "DATA", LocalID: uuid.NewString(),
					FileName: fmt.Sprintf("%s_%d.xml", s.Event.Code, i+1), ContentType: "application/fhir+xml",
				},
				MediaType: "application/fhir+xml", Body: bytes.NewReader(one.xml), Size: int64(len(one.xml)),
			})
			if err != nil {
				return nil, err
			}
			r.sent[s.ID] = append(r.sent[s.ID], Sent{ID: id, Message: facts.MessageID, Wants: one.wants})
		}
		return nil, nil
	}
}

// publishOne publishes through the service's front door.
func publishOne(ctx context.Context, r *Run, s *Step) (func(context.Context) error, error) {
	xml, err := maker{s.Event, s.Asked.NHSNumber, r.Service.Now()}.message("new", 0)
	if err != nil {
		return nil, err
	}
	facts, _ := receiver.ReadFacts(xml)
	asid, ods := nhs.ASID("300000000161"), nhs.ODSCode("A83627")
	if s.Event.Publishers == catalogue.SpineOnly {
		asid, ods = "477121000323", "X26"
	}
	got, err := operator.PublishMessage.Do(ctx, r.Service.Desk, operator.Publication{Message: string(xml), ASID: asid, ODS: ods})
	if err != nil {
		return nil, err
	}
	if got.Status != http.StatusAccepted {
		return nil, fmt.Errorf("the service answered %d to a message of its own test: %s", got.Status, got.Answer)
	}
	r.sent[s.ID] = append(r.sent[s.ID], Sent{Message: facts.MessageID, Wants: processed})
	return nil, r.arrives(ctx, s)
}

// arrives waits until the service has copied the message into the mailbox, as far as the
// system is subscribed; if not, the checks say so.
func (r *Run) arrives(ctx context.Context, s *Step) error {
	c, err := mesh.NewClient(mesh.ClientConfig{URL: r.Service.Node, Mailbox: r.Declared.Mailbox, Password: devworld.Password, SharedKey: []byte(devworld.SharedKey)})
	if err != nil {
		return err
	}
	defer c.Close()
	end := time.After(arriveWithin)
	for {
		n, err := c.Count(ctx)
		if err != nil || n > 0 || len(acknowledged(r.Service.Record.Of(s.ID))) > 0 {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-end:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// arriveWithin is how long the service may take to deliver.
const arriveWithin = 5 * time.Second

// maker makes messages about a step's patient.
type maker struct {
	event   *catalogue.EventType
	patient string
	now     time.Time
}

// message makes one, as if it was made some time later.
func (m maker) message(kind string, later time.Duration) ([]byte, error) {
	g := example.Generator{NewID: uuid.NewString, Now: func() time.Time { return m.now.Add(later) }}
	about := example.Patient{}
	if m.patient != "9912003888" { // the examples' own patient, unless another is asked for
		about.NHSNumber = m.patient
	}
	return g.Message(m.event.Code, kind, about)
}

// about makes one about the same thing as another.
func (m maker) about(first []byte, kind string, later time.Duration) ([]byte, error) {
	xml, err := m.message(kind, later)
	if err != nil {
		return nil, err
	}
	was, _ := receiver.ReadFacts(first)
	is, _ := receiver.ReadFacts(xml)
	if was.Identifier.Value == "" || is.Identifier.Value == "" {
		return nil, fmt.Errorf("messages of %s name no thing by which one could correct another", m.event.Code)
	}
	return bytes.ReplaceAll(xml, []byte(is.Identifier.Value), []byte(was.Identifier.Value)), nil
}

// pair makes a first message and another about the same thing.
func (m maker) pair(kind string) (first, second []byte, err error) {
	if first, err = m.message("new", 0); err != nil {
		return nil, nil, err
	}
	second, err = m.about(first, kind, 20*time.Second)
	return first, second, err
}

func twice(m maker) ([]copyOf, error) {
	xml, err := m.message("new", 0)
	return []copyOf{{xml, processed}, {xml, repeated}}, err
}

func updated(m maker) ([]copyOf, error) {
	first, second, err := m.pair("update")
	return []copyOf{{first, processed}, {second, processed}}, err
}

func late(m maker) ([]copyOf, error) {
	first, newest, err := m.pair("update")
	if err != nil {
		return nil, err
	}
	older, err := m.about(first, "update", 10*time.Second)
	return []copyOf{{first, processed}, {newest, processed}, {older, overtaken}}, err
}

func outOfOrder(m maker) ([]copyOf, error) {
	first, second, err := m.pair("update")
	return []copyOf{{second, processed}, {first, overtaken}}, err
}

func retracted(m maker) ([]copyOf, error) {
	first, second, err := m.pair("delete")
	return []copyOf{{first, processed}, {second, withdrawn}}, err
}

// anEntry is an entry of a Bundle.
var anEntry = regexp.MustCompile(`(?s)<entry>.*?</entry>`)

func unusual(m maker) ([]copyOf, error) {
	xml, err := m.message("new", 0)
	if err != nil {
		return nil, err
	}
	text := strings.Replace(string(xml), "<extension", `<extension url="https://example.nhs.uk/unknown"><valueString value="unknown"/></extension><extension`, 1)
	entries := anEntry.FindAllString(text, -1)
	n := 0
	text = anEntry.ReplaceAllStringFunc(text, func(header string) string {
		n++
		if n == 1 {
			return header // the MessageHeader comes first
		}
		return entries[len(entries)+1-n]
	})
	return []copyOf{{[]byte(text), processed}}, nil
}

func poison(m maker) ([]copyOf, error) {
	first, err := m.message("new", 0)
	if err != nil {
		return nil, err
	}
	broken, err := m.message("new", 0) // with an id of its own: who remembers it must not take the last for a repeat
	if err != nil {
		return nil, err
	}
	last, err := m.message("new", 0)
	return []copyOf{{first, processed}, {broken[:len(broken)/3], setAside}, {last, processed}}, err
}

func large(m maker) ([]copyOf, error) {
	xml, err := example.Sized(m.event.Code, "new", 3<<20-64<<10)
	return []copyOf{{xml, processed}}, err
}

func stranger(m maker) ([]copyOf, error) {
	m.patient = "9990000212"
	xml, err := m.message("new", 0)
	return []copyOf{{xml, notOfOurs}}, err
}

func burst(m maker) (all []copyOf, err error) {
	for range 600 {
		xml, wrong := m.message("new", 0)
		if wrong != nil {
			return nil, wrong
		}
		all = append(all, copyOf{xml, processed})
	}
	return all, nil
}
