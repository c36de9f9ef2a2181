package client

import (
	"context"
	"net/http"
	"strings"
	"time"

	"nems/internal/access"
	"nems/internal/fhir"
	"nems/internal/jwt"
)

// Subscription describes what to subscribe to and where copies go.
type Subscription struct {
	// Criteria is the FHIR search string, such as
	// /Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=vaccinations-1
	Criteria string
	// Mailbox is the MESH mailbox that receives the copies.
	Mailbox string
	// Reason says why the subscription exists, for people to read.
	Reason string
	// End is when the subscription ends; the zero time means never.
	End time.Time
	// Organisation is the ODS code of the subscriber; "" means the client's.
	Organisation string
	// ID and Status are set by Read.
	ID, Status string
}

const (
	subscriptionProfile = "https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1"
	organisationURL     = "https://directory.spineservices.nhs.uk/STU3/Organization/"
)

// Subscribed is a subscription that the service has created.
type Subscribed struct {
	ID string
	// Issues holds information, such as the deprecation of an event type: its
	// date, and where to read about it. The specification wants operational teams
	// to be told ("Event Lifecycle and Deprecation").
	Issues []Issue
}

// Subscribe creates a subscription. From then on the service matches every
// event that it accepts against it. It returns an *Error when the service
// refuses the subscription.
func (c *Client) Subscribe(ctx context.Context, s Subscription) (*Subscribed, error) {
	answer, body, err := c.do(ctx, call{
		method: http.MethodPost, path: "/STU3/Subscription",
		interaction: access.CreateInteraction,
		scope:       jwt.ScopeWrite, contentType: "application/fhir+xml",
		body: c.resource(s),
	})
	if err != nil {
		return nil, err
	}
	location := answer.Header.Get("Location")
	return &Subscribed{ID: location[strings.LastIndexByte(location, '/')+1:], Issues: issues(body)}, nil
}

// resource writes the Subscription resource (NEMS specification, "Create Subscription").
func (c *Client) resource(s Subscription) []byte {
	organisation := s.Organisation
	if organisation == "" {
		organisation = c.ODS
	}
	w := fhir.NewWriter("Subscription")
	w.Open("meta").Value("profile", subscriptionProfile).Close()
	w.Value("status", "requested")
	w.Open("contact").Value("system", "url")
	w.Value("value", organisationURL+organisation).Value("use", "work")
	w.Close()
	if !s.End.IsZero() {
		w.Value("end", s.End.Format(time.RFC3339))
	}
	w.Value("reason", s.Reason).Value("criteria", s.Criteria)
	w.Open("channel").Value("type", "message").Value("endpoint", s.Mailbox).Close()
	return w.Bytes()
}

// Read returns a subscription of the caller's organisation.
func (c *Client) Read(ctx context.Context, id string) (Subscription, error) {
	_, body, err := c.do(ctx, call{
		method: http.MethodGet, path: "/STU3/Subscription/" + id,
		interaction: access.ReadInteraction,
		scope:       jwt.ScopeRead,
	})
	if err != nil {
		return Subscription{}, err
	}
	doc, _, err := fhir.ParseXML(body)
	if err != nil {
		return Subscription{}, err
	}
	return read(doc.Root()), nil
}

func read(r fhir.Node) Subscription {
	s := Subscription{
		ID: r.Child("id").Value(), Status: r.Child("status").Value(),
		Criteria: r.Child("criteria").Value(), Reason: r.Child("reason").Value(),
		Mailbox: r.At("channel", "endpoint").Value(),
	}
	for contact := range r.ChildrenNamed("contact") { // other contacts may be telephone numbers
		if code, found := strings.CutPrefix(contact.Child("value").Value(), organisationURL); found && s.Organisation == "" {
			s.Organisation = code
		}
	}
	if end, err := time.Parse(time.RFC3339, r.Child("end").Value()); err == nil {
		s.End = end
	}
	return s
}

// Unsubscribe deletes a subscription. No event that is accepted after it
// returns is matched against it.
func (c *Client) Unsubscribe(ctx context.Context, id string) error {
	_, _, err := c.do(ctx, call{
		method: http.MethodDelete, path: "/STU3/Subscription/" + id,
		interaction: access.DeleteInteraction,
		scope:       jwt.ScopeWrite,
	})
	return err
}
