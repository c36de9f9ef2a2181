package node

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"nems/internal/access"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/requestid"
	"nems/internal/subscription"
)

// publishAs publishes a message as a system of the development world does.
func (n *node) publishAs(ctx context.Context, asid nhs.ASID, ods nhs.ODSCode, user string, message []byte) (status int, answer []byte, err error) {
	code := ""
	if doc, _, err := fhir.ParseXML(message); err == nil {
		e, _ := event.Read(doc)
		code = e.Code
	}
	a, err := n.through(ctx, "/STU3/Events/1/$process-message", access.PublishInteraction(event.InteractionName(code)), message, jwt.Token{
		ASID: asid, ODS: ods, User: user, Scope: jwt.ScopePublish,
	})
	return a.status, a.body.Bytes(), err
}

// subscribeAs subscribes as a system of the development world does.
func (n *node) subscribeAs(ctx context.Context, asid nhs.ASID, ods nhs.ODSCode, user string, s subscription.Resource) (status int, location string, answer []byte, err error) {
	w := fhir.NewWriter("Subscription")
	w.Open("meta").Value("profile", subscription.Profile).Close()
	w.Value("status", "requested").Raw(subscription.OrganisationContact(s.Contact))
	if !s.End.IsZero() {
		w.Value("end", s.End.UTC().Format(time.RFC3339))
	}
	w.Value("reason", s.Reason).Value("criteria", s.Criteria)
	w.Open("channel").Value("type", "message").Value("endpoint", s.Mailbox).Close()
	a, err := n.through(ctx, "/STU3/Subscription", access.CreateInteraction, w.Bytes(), jwt.Token{ASID: asid, ODS: ods, User: user, Scope: jwt.ScopeWrite})
	return a.status, a.header.Get("Location"), a.body.Bytes(), err
}

// through sends a request through the front door of this process, on behalf of a
// person at the desk. Tokens are unsigned, which only a development server takes.
func (n *node) through(ctx context.Context, path, interaction string, body []byte, t jwt.Token) (*answered, error) {
	out := &answered{header: http.Header{}, status: http.StatusOK}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	t.Issuer, t.Audience, t.Reason, t.Issued = "console", "console", "directcare", n.machine()
	for name, value := range map[string]string{
		"Authorization": "Bearer " + t.Unsigned(), "fromASID": string(t.ASID), "toASID": n.ASID, "InteractionID": interaction,
		"Accept": "application/fhir+xml", "Content-Type": "application/fhir+xml", "Prefer": "return=OperationOutcome",
	} {
		r.Header.Set(name, value)
	}
	if id := requestid.Of(ctx); id != "" { // of the person's request
		r.Header.Set(requestid.Header, id)
	}
	n.fhir.ServeHTTP(out, r)
	return out, nil
}

// answered keeps an answer within this process. No connection has deadlines.
type answered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answered) Header() http.Header              { return a.header }
func (a *answered) WriteHeader(status int)           { a.status = status }
func (a *answered) Write(p []byte) (int, error)      { return a.body.Write(p) }
func (a *answered) SetReadDeadline(time.Time) error  { return nil }
func (a *answered) SetWriteDeadline(time.Time) error { return nil }
func (a *answered) EnableFullDuplex() error          { return nil }
