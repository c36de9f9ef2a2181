package console

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"nems/internal/catalogue"
	"nems/internal/directory/devworld"
	"nems/internal/nhs"
	"nems/internal/operator"
)

// makePage is what the page Make events shows.
type makePage struct {
	Types   []*catalogue.EventType
	Systems []publisher
	// Message is in the editor.
	Message string
	// Verdict is what is wrong with it; nil before it was checked. View shows it.
	Verdict *operator.CheckedMessage
	View    *messageView
	// Reached is whom it would reach; nil where that cannot be told.
	Reached *operator.Explained
	// Published is the answer to the publisher; nil before it was published.
	Published *operator.PublishedMessage
}

// publisher is a system that publishes.
type publisher struct {
	ASID nhs.ASID
	ODS  nhs.ODSCode
	Name string
}

// make checks, composes and publishes messages.
func (c *Console) make() page {
	p := page{path: "make", title: "Make events", role: operator.Operator, file: "make.html", css: "event.css"}
	p.read = func(v *visit) (any, error) {
		out, _ := v.result.(makePage)
		out.Types = v.Types().Types()
		if v.Dev {
			out.Systems = devPublishers()
		}
		return out, nil
	}
	p.act = func(v *visit) (out outcome, err error) {
		shown := makePage{Message: v.text("message")}
		if uploaded, err := v.upload("file"); err != nil || uploaded != "" {
			if err != nil {
				return out, err
			}
			shown.Message = uploaded
		}
		shown.Message = withoutCR(shown.Message)
		defer func() { v.result = shown }()
		switch v.text("do") {
		case "compose":
			return out, shown.compose(v)
		case "publish":
			if err := shown.publish(v); err != nil {
				return out, err
			}
			if shown.Published.Status == http.StatusAccepted {
				out.done = "Published: the service answered 202."
			}
			return out, shown.check(v)
		}
		return out, shown.check(v)
	}
	return p
}

// withoutCR gives lines the ends that XML reads them with (XML 1.0, 2.11). Browsers
// send an editor's lines with CR LF, and a page shows a CR as U+FFFD: it would be part
// of the message when the form is sent again.
func withoutCR(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}

func devPublishers() (out []publisher) {
	for _, s := range devworld.Systems() {
		if slices.ContainsFunc(s.Interactions, func(i string) bool { return strings.Contains(i, ":events:") }) {
			out = append(out, publisher{s.ASID, s.ODSCodes[0], s.Name})
		}
	}
	return out
}

// upload reads a file of the form; "" where none was chosen.
func (v *visit) upload(field string) (string, error) {
	file, _, err := v.FormFile(field)
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return "", nil
	}
	if err != nil {
		return "", &operator.Error{Code: operator.Invalid, Field: field, Message: "the file cannot be read"}
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxForm))
	if err != nil {
		return "", &operator.Error{Code: operator.Invalid, Field: field, Message: "the file cannot be read"}
	}
	return string(text), nil
}

// compose makes the message that the form describes.
func (m *makePage) compose(v *visit) error {
	q := operator.Composition{
		EventType: v.text("type"), Kind: v.text("kind"), Patient: strings.ReplaceAll(v.text("about"), " ", ""), MessageID: strings.TrimSpace(v.text("id")),
		NotGiven: v.text("not-given") != "", Postcode: v.text("postcode"), OldPostcode: v.text("old-postcode"),
		Practice: nhs.ODSCode(v.text("practice")), OldPractice: nhs.ODSCode(v.text("old-practice")), Left: v.text("left") != "", Death: v.text("death"),
	}
	if text := v.text("at"); text != "" {
		at, err := time.Parse("2006-01-02T15:04", text)
		if err != nil {
			return &operator.Error{Code: operator.Invalid, Field: "at", Message: "moment: expected a date and a time; received another text"}
		}
		q.At = at
	}
	made, err := operator.ComposeMessage.Do(v, v.Desk, q)
	if err != nil {
		return err
	}
	m.Message = made.Message
	return m.check(v)
}

// check says what is wrong with the message, and whom it would reach.
func (m *makePage) check(v *visit) error {
	if strings.TrimSpace(m.Message) == "" {
		return &operator.Error{Code: operator.Invalid, Field: "message", Message: "there is no message yet: paste one, choose a file, or have one made"}
	}
	verdict, err := operator.CheckMessage.Do(v, v.Desk, operator.MessageCheck{Message: m.Message, Level: v.text("level")})
	if err != nil {
		return err
	}
	m.Verdict = &verdict
	view := newMessageView(v.Types(), []byte(m.Message), catalogue.Level(v.text("level")))
	m.View = &view
	if verdict.Status != http.StatusAccepted || !slices.Contains(v.Roles, operator.Governance) {
		return nil
	}
	if reached, err := explained(v, operator.ExplainMessage, operator.MessageQuestion{Message: m.Message}); err == nil {
		m.Reached = &reached
	}
	return nil
}

// publish sends the message as the chosen system does.
func (m *makePage) publish(v *visit) error {
	asid, ods, _ := strings.Cut(v.text("system"), " ")
	published, err := operator.PublishMessage.Do(v, v.Desk, operator.Publication{Message: m.Message, ASID: nhs.ASID(asid), ODS: nhs.ODSCode(ods)})
	if err != nil {
		return err
	}
	m.Published = &published
	return nil
}
