package node

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"time"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/datafolder"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/operator"
)

// desk returns a desk that does operators' work for callers with these roles.
func (n *node) desk(roles ...operator.Role) operator.Desk {
	desk := operator.Desk{Store: n.db, Types: n.types.now, Now: n.Now, Quotas: new(n.Quotas.limits()), Check: n.broker.Check, Organisations: n.directory,
		Patients: n.patients, Signed: n.signed(),
		Notices: n.notices, CursorKey: n.searchKey, Caller: operator.Caller{Roles: roles}}
	if n.Dev {
		desk.Publish = n.publishAs
	}
	return desk
}

// publishAs publishes a message as a system of the development world does: its request
// goes through the front door, within this process.
func (n *node) publishAs(ctx context.Context, asid nhs.ASID, ods nhs.ODSCode, user string, message []byte) (int, []byte, error) {
	token := jwt.Token{Issuer: "console", Audience: "console", ASID: asid, ODS: ods, User: user, Reason: "directcare", Scope: jwt.ScopePublish, Issued: n.Now()}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/STU3/Events/1/$process-message", bytes.NewReader(message))
	if err != nil {
		return 0, nil, err
	}
	code := ""
	if doc, _, err := fhir.ParseXML(message); err == nil {
		e, _ := event.Read(doc)
		code = e.Code
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + token.Unsigned(), "fromASID": string(asid), "toASID": n.ASID, "Accept": "application/fhir+xml",
		"InteractionID": access.PublishInteraction(event.InteractionName(code)), "Content-Type": "application/fhir+xml", "Prefer": "return=OperationOutcome",
	} {
		r.Header.Set(name, value)
	}
	answer := &answered{header: http.Header{}, status: http.StatusOK}
	n.fhir.ServeHTTP(answer, r)
	return answer.status, answer.body.Bytes(), nil
}

// answered keeps an answer of this process to itself.
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

// signed tells of the last checkpoint that this node knows.
func (n *node) signed() func() (audit.Checkpoint, error) {
	return func() (audit.Checkpoint, error) {
		if n.checkpoints == nil {
			return audit.Checkpoint{}, nil
		}
		n.signing.Lock()
		defer n.signing.Unlock()
		return n.checkpoints.Last, nil
	}
}

// announce records for commands on this machine the address of the operators'
// API and its token. Without an operations listener there is none.
func (n *node) announce() error {
	for _, e := range n.endpoints {
		if e.name == "operations" || e.name == "dev" {
			return operator.WriteAccess(n.Data, operator.Access{URL: e.local(), Token: n.OperatorToken, Shared: datafolder.IsPostgres(n.Database)})
		}
	}
	return operator.EndAccess(n.Data, datafolder.IsPostgres(n.Database))
}

// local returns the address by which this machine reaches the endpoint.
func (e *endpoint) local() string {
	host, port, err := net.SplitHostPort(e.socket.Addr().String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return e.scheme + "://" + net.JoinHostPort("localhost", port)
	}
	return e.address()
}
