package console

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"nems/internal/catalogue"
	"nems/internal/console/readable"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/operator"
	"nems/internal/store"
)

// eventPage is what the page of one event shows.
type eventPage struct {
	operator.ShownEvent
	// Message is the message for people; nil where it is not shown. Kept is why.
	Message *messageView
	Kept    string
	// Explained is whom the event reached and whom not; nil where the role does not
	// allow it, or where it cannot be told.
	Explained *operator.Explained
	Missing   string // why Explained is nil
	// Chain are the events of this type about the same patient, the newest first: of a
	// thing that was corrected or withdrawn, all of them are there. More says that
	// there are more.
	Chain     []operator.FoundEvent
	ChainMore bool
}

// Collected is how many of its copies were collected.
func (e eventPage) Collected() (n int) {
	for _, c := range e.Copies {
		if c.State == store.Acknowledged {
			n++
		}
	}
	return n
}

// event shows one event: what happened, its message, whom it reached and why. The
// message names a patient: in production it is shown for a reason.
func (c *Console) event() page {
	p := page{path: "events/{event}", title: "Event", within: "Events", role: operator.Viewer, file: "event.html", css: "event.css"}
	p.read = func(v *visit) (any, error) {
		event, err := operator.ShowEvent.Do(v, v.Desk, operator.EventRef{Event: v.PathValue("event")})
		if err != nil {
			return nil, err
		}
		out := eventPage{ShownEvent: event}
		governance := slices.Contains(v.Roles, operator.Governance)
		switch {
		case !governance:
			out.Kept = "The message names a patient: the role governance opens it."
			out.Missing = "Why the event reached a subscription, or not, tells of its patient: the role governance opens it."
			return out, nil
		case !v.shown:
			out.Kept = "The message names a patient. Show identifiers, with your reason, to read it."
		default:
			read, err := operator.ReadEvent.Do(v, v.Desk, operator.EventReading{Event: v.PathValue("event"), Reason: cmp.Or(v.reason, "The page of the event in the development world")})
			if err != nil {
				return out, err
			}
			view := newMessageView(v.Types(), []byte(read.Message), catalogue.Level(v.text("level")))
			out.Message = &view
			out.readChain(v)
		}
		reached, err := explained(v, operator.ExplainEvent, v.question())
		if err != nil {
			_, out.Missing = c.explain(err)
			return out, nil //nolint:nilerr // the rest of the page can be shown
		}
		out.Explained = &reached
		return out, nil
	}
	p.act = func(v *visit) (outcome, error) {
		if v.text("move") != "" {
			return moveDeliveries(v)
		}
		return outcome{}, nil // whom to explain it for is in the form
	}
	p.download = downloadMessage
	return p
}

// downloadMessage hands out the message byte for byte. The name of the file is our
// number of the event, whatever the message says.
func downloadMessage(v *visit, w http.ResponseWriter) error {
	read, err := operator.ReadEvent.Do(v, v.Desk, operator.EventReading{Event: v.PathValue("event"), Reason: v.text("why")})
	if err != nil {
		return err
	}
	h := w.Header()
	media, ending := "application/fhir+xml", "xml"
	if strings.HasPrefix(read.Message, "{") {
		media, ending = "application/json", "json"
	}
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="event-%d.%s"`, read.Event, ending))
	h.Set("Content-Length", strconv.Itoa(len(read.Message)))
	_, err = io.WriteString(w, read.Message)
	return err
}

// explained reads an explanation as far as a page shows it. A page of the desk may be
// short before the end: it may end with a route key.
func explained[Q any](v *visit, verb *operator.Verb[operator.Search[Q], operator.Explained], q Q) (out operator.Explained, err error) {
	ask := operator.Matching(q)
	ask.Limit = listed
	for range 16 {
		some, err := verb.Do(v, v.Desk, ask)
		if err != nil {
			return out, err
		}
		out.Event, out.Next = some.Event, some.Next
		out.Subscriptions = append(out.Subscriptions, some.Subscriptions...)
		if ask.After = some.Next; some.Next == "" || len(out.Subscriptions) >= listed {
			break
		}
	}
	return out, nil
}

// readChain finds the other events of this type about the patient of the message.
func (e *eventPage) readChain(v *visit) {
	patient := e.Message.patient
	if patient == "" {
		return
	}
	found, err := operator.FindEvents.Do(v, v.Desk, operator.Search[operator.EventFilter]{
		Filter: operator.EventFilter{EventType: e.EventType, Patient: patient}, Paging: operator.Paging{Limit: listed},
	})
	if err != nil { // the page has enough without it
		v.Log.Warn("console: the chain of an event", "error", err)
		return
	}
	e.Chain, e.ChainMore = found.Items, found.Next != ""
}

// question is whom an event is explained for: a subscription, a mailbox or a patient,
// in one field.
func (v *visit) question() operator.EventQuestion {
	q := operator.EventQuestion{Event: v.PathValue("event")}
	switch whom := strings.TrimSpace(v.text("whom")); v.text("of") {
	case "subscription":
		q.Subscription = whom
	case "mailbox":
		q.Mailbox = whom
	case "patient":
		q.Patient = strings.ReplaceAll(whom, " ", "")
	}
	return q
}

// messageView is a message for people beside its XML, with findings at their lines.
type messageView struct {
	Level    catalogue.Level
	People   readable.Message
	Lines    []xmlLine
	Findings []fhir.Finding
	Cut      bool // there are more lines, or longer ones
	Laid     bool // the message itself has other lines
	// Published: it is an event that was published at the API of the MNS.
	Published bool

	patient string // whom it is about
}

// xmlLine is a line of XML, with what is wrong there.
type xmlLine struct {
	N        int
	Text     string
	Findings []fhir.Finding
}

// What is shown of the XML of a message at most.
const (
	mostLines = 4000
	mostLine  = 2000 // bytes
)

// newMessageView reads a message. XML with hardly any line breaks is laid out, so that
// a finding has a line of its own. An unknown level stands for the one of publishing.
func newMessageView(types *catalogue.Catalogue, message []byte, level catalogue.Level) messageView {
	if level != catalogue.Schema && level != catalogue.Strict {
		level = catalogue.Standard
	}
	if out, is := publishedView(message); is {
		return out
	}
	out := messageView{Level: level}
	message, out.Laid = laidOut(message)
	doc, findings := types.Findings(message, out.Level)
	out.Findings = findings
	if doc != nil {
		out.People = readable.Of(doc)
		facts, _ := event.Read(doc)
		out.patient = facts.Routing.NHSNumber
	}
	at := map[int][]fhir.Finding{}
	for _, f := range findings {
		at[f.Line] = append(at[f.Line], f)
	}
	for text := range strings.Lines(string(message)) {
		if len(out.Lines) == mostLines {
			out.Cut = true
			break
		}
		n := len(out.Lines) + 1
		if text = strings.TrimRight(text, "\r\n"); len(text) > mostLine {
			text, out.Cut = strings.ToValidUTF8(text[:mostLine], "")+" …", true
		}
		out.Lines = append(out.Lines, xmlLine{n, text, at[n]})
	}
	return out
}
