package assure

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"nems/internal/access"
	"nems/internal/api"
	"nems/internal/catalogue"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/spine"
	"nems/receiver"
)

// Judge looks at requests by the specification. The rules are those of the service: of
// its front door for headers and token (spine.Inspect), and of its catalogue, at the
// level strict, for messages.
type Judge struct {
	NEMS  nhs.ASID // of the service
	ASID  nhs.ASID // of the system under test
	ODS   nhs.ODSCode
	Types *catalogue.Catalogue
	// Issuers are those whose client certificates count; nil if any does.
	Issuers *x509.CertPool
	Now     func() time.Time
	Mailbox string // of the system under test, "" without one

	tokens used // of the MESH API
}

// Request looks at a request and returns everything that it looked at: with a text
// where something is wrong. It fills in what the body says.
func (j *Judge) Request(x *Exchange) (looked []Problem) {
	if strings.HasPrefix(x.Path, "/messageexchange/") {
		return j.mailbox(x)
	}
	if x.Endpoint == 0 {
		if strings.HasPrefix(x.Path, "/STU3") && x.Method == http.MethodPost {
			looked = []Problem{every("endpoint", "a message is sent with POST to /STU3/Events/1/$process-message, a subscription to /STU3/Subscription; received another path")}
		}
		return looked
	}
	looked = append(looked, every("endpoint", ""))
	for _, i := range spine.Inspect(spine.Request{Endpoint: x.Endpoint, Header: x.Header}, j.NEMS, j.Now()) {
		looked = append(looked, every(i.Name, i.Problem))
	}
	looked = append(looked, j.declared(x)...)
	looked = append(looked, j.encrypted(x)...)
	switch x.Endpoint {
	case spine.EndpointPublish:
		looked = append(looked, j.message(x)...)
	case spine.EndpointCreate:
		looked = append(looked, j.subscription(x)...)
	}
	return looked
}

// every is what was judged of a request by a check that all requests have.
func every(name, text string) Problem {
	return Problem{Check: name, Page: everyChecks[name].Page, Text: text}
}

// declared compares who sent a request with who was declared.
func (j *Judge) declared(x *Exchange) (looked []Problem) {
	from, organisation := spine.Declared(x.Header)
	if from != "" {
		text := ""
		if from != j.ASID {
			text = fmt.Sprintf("fromASID is that of the declared system, %s; received %s", j.ASID, from)
		}
		looked = append(looked, every("header-from-asid", text))
	}
	if organisation != "" {
		text := ""
		if organisation != j.ODS {
			text = fmt.Sprintf("the organisation of the token is one of the declared system, %s; received %s", j.ODS, organisation)
		}
		looked = append(looked, every("token-organisation", text))
	}
	return looked
}

// encrypted looks at the connection.
func (j *Judge) encrypted(x *Exchange) (looked []Problem) {
	if x.TLS == nil {
		return nil
	}
	version, certificate := "", ""
	if x.TLS.Version < tls.VersionName(tls.VersionTLS12) {
		version = "a connection has at least TLS 1.2; received " + x.TLS.Version
	}
	switch {
	case x.TLS.Client == "":
		certificate = "a system identifies itself with the certificate of its endpoint (mutual TLS); received none"
	case !x.TLS.Trusted:
		certificate = "the certificate of an endpoint comes from the issuer that the service trusts; received one of another issuer"
	}
	return []Problem{every("tls-version", version), every("client-certificate", certificate)}
}

// trusts reports whether the caller's certificate is from one of the known issuers.
func (j *Judge) trusts(state *tls.ConnectionState) bool {
	if len(state.PeerCertificates) == 0 || j.Issuers == nil {
		return len(state.PeerCertificates) > 0
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: j.Issuers, Intermediates: between, CurrentTime: j.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}

// message looks at the body of a publish.
func (j *Judge) message(x *Exchange) (looked []Problem) {
	size := ""
	if len(x.Body) > api.MaxBody {
		size = fmt.Sprintf("a message has at most %d bytes; received %d", api.MaxBody, len(x.Body))
	}
	looked = append(looked, every("message-size", size))
	x.Facts, _ = receiver.ReadFacts(x.Body)
	doc, findings := j.Types.Findings(x.Body, catalogue.Strict)
	if doc != nil {
		e, _ := event.Read(doc)
		x.resources = resourcesOf(doc)
		x.Person = Person{NHSNumber: e.Routing.NHSNumber, Family: e.Routing.Family, Given: e.Routing.Given, Born: e.Routing.BirthDay()}
		looked = append(looked, j.interaction(x)...)
	}
	right := true
	for _, f := range findings {
		if f.Refuses() {
			looked, right = append(looked, ruled(f)), false
		}
	}
	if right {
		looked = append(looked, every("message-strict", ""))
	}
	if _, errors := j.Types.Findings(x.Body, catalogue.Standard); !slices.ContainsFunc(errors, fhir.Finding.Refuses) {
		looked = append(looked, every("message-standard", ""))
	}
	return looked
}

// resourcesOf lists the types of the resources of a message, each once.
func resourcesOf(doc *fhir.Document) (names []string) {
	for _, e := range doc.References().Entries() {
		if name := e.Resource.Name(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// ruled is a finding about a body.
func ruled(f fhir.Finding) Problem {
	return Problem{Check: "rule:" + f.Rule, Page: f.Source, Place: f.Expression, Text: f.Text}
}

// interaction compares the interaction id with the message.
func (j *Judge) interaction(x *Exchange) []Problem {
	sent, ok := access.ParseInteraction(strings.TrimSpace(x.Header.Get("InteractionID")))
	t, known := j.Types.Type(x.Facts.Code)
	if !ok || sent.Kind != access.Publish || !known {
		return nil // others say so
	}
	text := ""
	if refusal := sent.CheckEvent(t.Code, t.Interaction); refusal != nil {
		text = refusal.Issues[0].Diagnostics
	}
	return []Problem{every("header-interaction-id", text)}
}

// interactionName is an event type's name in interaction ids.
func (j *Judge) interactionName(code string) string {
	if t, known := j.Types.Type(code); known {
		return cmp.Or(t.Interaction, t.Code)
	}
	return event.InteractionName(code)
}
