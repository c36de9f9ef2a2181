package nodetest

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"nems/client"
	"nems/internal/access"
	"nems/internal/jwt"
	"nems/internal/nhs"
)

// Paths of the FHIR side.
const (
	PublishPath   = "/STU3/Events/1/$process-message"
	SubscribePath = "/STU3/Subscription"
)

// Request is a call made by hand, for what the client package would never
// send. It starts out right; a test makes it wrong in one way.
type Request struct {
	Method, Path string
	Header       http.Header
	Body         []byte
	// Chunked sends the body without saying how long it is.
	Chunked bool
}

// Token is the token of a call, to be made wrong by tests.
func (s *Server) Token(asid, ods, scope string) jwt.Token {
	return jwt.Token{
		Issuer: s.URL, Audience: s.URL, ASID: nhs.ASID(asid), ODS: nhs.ODSCode(ods),
		Reason: "directcare", Scope: scope, Issued: s.Clock.Now(),
	}
}

func (s *Server) request(method, path, asid, ods, interaction, scope string) *Request {
	return &Request{Method: method, Path: path, Header: http.Header{
		"Authorization": {"Bearer " + s.Token(asid, ods, scope).Unsigned()},
		"Fromasid":      {asid}, "Toasid": {NEMS}, "Interactionid": {interaction},
		"Accept": {"application/fhir+xml"},
	}}
}

// PublishRequest is a surgery's publish of a body, whose interaction id is the
// one that its event code wants (of vaccinations where it names none).
func (s *Server) PublishRequest(body []byte) *Request {
	return s.publishAs(PublisherID, "A83627", body)
}

// SpineRequest is the same of the Spine's demographics service.
func (s *Server) SpineRequest(body []byte) *Request { return s.publishAs(SpineID, "X26", body) }

func (s *Server) publishAs(asid, ods string, body []byte) *Request {
	interaction := client.PublishInteraction(body)
	if interaction == "" {
		interaction = access.PublishInteraction("Vaccinations")
	}
	r := s.request(http.MethodPost, PublishPath, asid, ods, interaction, jwt.ScopePublish)
	r.Header.Set("Content-Type", "application/fhir+xml")
	r.Body = body
	return r
}

// SubscribeRequest is Leeds' creation of a subscription from a body.
func (s *Server) SubscribeRequest(body []byte) *Request {
	r := s.request(http.MethodPost, SubscribePath, LeedsID, "RR8", access.CreateInteraction, jwt.ScopeWrite)
	r.Header.Set("Content-Type", "application/fhir+xml")
	r.Body = body
	return r
}

// ReadRequest is Leeds' read of a subscription.
func (s *Server) ReadRequest(id string) *Request {
	return s.request(http.MethodGet, SubscribePath+"/"+id, LeedsID, "RR8", access.ReadInteraction, jwt.ScopeRead)
}

// DeleteRequest is Leeds' deletion of a subscription.
func (s *Server) DeleteRequest(id string) *Request {
	return s.request(http.MethodDelete, SubscribePath+"/"+id, LeedsID, "RR8", access.DeleteInteraction, jwt.ScopeWrite)
}

// Set gives a header another value.
func (r *Request) Set(name, value string) *Request {
	r.Header.Set(name, value)
	return r
}

// Without leaves a header out.
func (r *Request) Without(name string) *Request {
	r.Header.Del(name)
	return r
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Send makes the call; the test fails when there is no answer.
func (s *Server) Send(r *Request) Answer {
	s.t.Helper()
	a, err := s.Try(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return a
}

// Try makes the call.
func (s *Server) Try(r *Request) (Answer, error) {
	var body io.Reader = bytes.NewReader(r.Body)
	if r.Chunked {
		body = io.MultiReader(body) // hides the length
	}
	request, err := http.NewRequest(r.Method, strings.TrimSuffix(s.URL, "/")+r.Path, body)
	if err != nil {
		return Answer{}, err
	}
	request.Header = r.Header.Clone()
	response, err := s.HTTP.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return Answer{response.StatusCode, response.Header, answer}, err
}

// Get reads a page that needs no token, such as /metrics.
func (s *Server) Get(path string) Answer {
	s.t.Helper()
	return s.Send(&Request{Method: http.MethodGet, Path: path})
}
