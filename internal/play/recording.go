package play

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/scenario"
)

// A recording is a file of JSON lines: a head, and then a line for each message in the
// order in which the mailbox had them.
type recordingHead struct {
	Recording string `json:"recording"` // recordingFormat
	Version   int    `json:"version"`
	Messages  int    `json:"messages"`
}

const (
	recordingFormat  = "nems"
	recordingVersion = 1
)

// recorded is a line of a recording.
type recorded struct {
	At      time.Time `json:"at"` // MessageHeader.timestamp
	Event   string    `json:"event"`
	Message string    `json:"message"` // XML, without its patients
}

// Record writes messages of a mailbox as a recording, without their patients. The same
// secret and messages make the same bytes. It returns how many there are, and which
// were left out because they are no event messages.
func Record(to io.Writer, messages [][]byte, secret []byte) (written int, strange []int, err error) {
	s, err := newSubstitutes(secret)
	if err != nil {
		return 0, nil, err
	}
	r := &replacer{substitutes: s, numbers: map[string]string{}}
	var events []*fhir.Document
	for i, m := range messages {
		doc, _, err := fhir.ParseXML(m)
		if err != nil {
			strange = append(strange, i)
			continue
		}
		if e, _ := event.Read(doc); e.Code == "" {
			strange = append(strange, i)
			continue
		}
		r.learn(doc.Root())
		events = append(events, doc)
	}
	r.number()
	out := json.NewEncoder(to)
	if err := out.Encode(recordingHead{recordingFormat, recordingVersion, len(events)}); err != nil {
		return 0, strange, err
	}
	var last time.Time
	for _, doc := range events {
		e, _ := event.Read(doc)
		line := recorded{At: sent(doc), Event: e.Code, Message: string(r.message(doc))}
		if line.At.Before(last) { // they were in this order
			line.At = last
		}
		last = line.At
		if err := out.Encode(line); err != nil {
			return written, strange, err
		}
		written++
	}
	return written, strange, nil
}

// sent is the time of a message.
func sent(doc *fhir.Document) time.Time {
	for entry := range doc.Root().ChildrenNamed("entry") {
		if header := entry.Child("resource").Resource(); header.Name() == "MessageHeader" {
			at, _ := time.Parse(time.RFC3339, header.Child("timestamp").Value())
			return at.UTC()
		}
	}
	return time.Time{}
}

// IsRecording reports whether a file is a recording.
func IsRecording(text []byte) bool {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	var head recordingHead
	return json.Unmarshal(line, &head) == nil && head.Recording == recordingFormat
}

// FromRecording plans a recording. name is the file's name in messages.
func FromRecording(name string, text []byte) (*Plan, error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 64<<20)
	var head recordingHead
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Recording != recordingFormat {
		return nil, fmt.Errorf("%s: no recording of nems play --record", name)
	}
	if head.Version != recordingVersion {
		return nil, fmt.Errorf("%s: this program plays recordings of version %d; received %d", name, recordingVersion, head.Version)
	}
	p := &Plan{Name: name}
	known := map[string]bool{}
	for number := 2; lines.Scan(); number++ {
		var line recorded
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		a, people, err := line.act()
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		a.place = fmt.Sprintf("%s:%d", name, number)
		if len(p.acts) == 0 {
			p.Start = a.at.Truncate(time.Minute)
		}
		for i := range people {
			if !known[people[i].NHSNumber] {
				known[people[i].NHSNumber] = true
				p.Load = append(p.Load, loaded(&people[i], p.Start))
			}
		}
		p.acts = append(p.acts, a)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(p.acts) != head.Messages {
		return nil, fmt.Errorf("%s: expected %d messages; received %d: the file is not whole", name, head.Messages, len(p.acts))
	}
	return p, nil
}

var errNoEvent = errors.New("the line holds no event message")

// act is what a line lets happen, and the patients whom it tells of.
func (l *recorded) act() (a act, people []scenario.Patient, err error) {
	doc, _, err := fhir.ParseXML([]byte(l.Message))
	if err != nil {
		return a, nil, fmt.Errorf("%w: %w", errNoEvent, err)
	}
	e, _ := event.Read(doc)
	if e.Code == "" || l.At.IsZero() {
		return a, nil, errNoEvent
	}
	a = act{
		id: uuid.NewSHA1(uuid.NameSpaceOID, []byte(e.MessageID)), at: l.At, patient: e.Routing.NHSNumber, deed: "recorded",
		message: []byte(l.Message), event: e.Code, eventID: e.MessageID, spine: strings.HasPrefix(e.Code, "pds-"),
	}
	return a, told(e), nil
}

// told are the patients of whom a message tells: as their records are afterwards.
func told(e event.Event) (people []scenario.Patient) {
	for i := range e.Patients {
		p := &e.Patients[i]
		family, given := p.Name()
		if len(p.NHSNumbers) == 0 || family == "" {
			continue
		}
		one := scenario.Patient{NHSNumber: p.NHSNumbers[0], Family: family, Given: given, Gender: p.At.Child("gender").Value(), BirthDate: p.BirthDate()}
		for _, a := range p.Addresses {
			if one.Address.Postcode == "" {
				one.Address = scenario.Address{Lines: []string{"1 HIGH STREET"}, Postcode: a.Postcode}
			}
		}
		if len(p.Practitioners) > 0 {
			one.Practice = p.Practitioners[0]
		}
		people = append(people, one)
	}
	if r := e.Routing; r.NHSNumber != "" && r.Family != "" && len(people) == 0 { // a delete names nobody else
		people = append(people, scenario.Patient{NHSNumber: r.NHSNumber, Family: r.Family, Given: []string{r.Given}, BirthDate: r.BirthDate[:min(10, len(r.BirthDate))]})
	}
	return people
}
