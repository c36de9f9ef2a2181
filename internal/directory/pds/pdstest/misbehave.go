package pdstest

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// Misbehaviour is a way to handle a request badly. Those named "before" do not
// look at the request. The others did what was asked, so a JWT sent with the
// request is used up.
type Misbehaviour string

// The misbehaviours.
const (
	None        Misbehaviour = ""
	DropBefore  Misbehaviour = "drop the connection before"
	DropAfter   Misbehaviour = "drop the connection instead of answering"
	DropHeaders Misbehaviour = "drop the connection after the headers"
	DropBody    Misbehaviour = "drop the connection in the middle of the body"
	SlowBefore  Misbehaviour = "hang before"
	SlowAfter   Misbehaviour = "hang instead of answering"
	SlowBody    Misbehaviour = "hang in the middle of the body"
	Busy429     Misbehaviour = "429 with Retry-After"
	Error408    Misbehaviour = "408"
	Error500    Misbehaviour = "500 that quotes the patient"
	Error502    Misbehaviour = "502"
	Error503    Misbehaviour = "503"
	Retry503    Misbehaviour = "503 with Retry-After"
	Error504    Misbehaviour = "504"
	Denied401   Misbehaviour = "401"
	Denied403   Misbehaviour = "403 that quotes the patient"
	Bad400      Misbehaviour = "400 for a reason of the header"
	Gone404     Misbehaviour = "404 of something in between"
	HTML404     Misbehaviour = "404 as HTML"
	HTML200     Misbehaviour = "200 as HTML"
	Cut         Misbehaviour = "half the JSON as if it were all"
	Twice       Misbehaviour = "JSON with a member twice"
	Nothing     Misbehaviour = "200 with no body"
	Huge        Misbehaviour = "a body without end"
	Redirect    Misbehaviour = "a redirect that names the patient"
	Babble      Misbehaviour = "not HTTP, and the patient in it"
	Somebody    Misbehaviour = "somebody else's answer"
	Confused    Misbehaviour = "another patient, as if asked for"
)

// All returns all misbehaviours except None.
func All() []Misbehaviour {
	return []Misbehaviour{
		DropBefore, DropAfter, DropHeaders, DropBody, SlowBefore, SlowAfter, SlowBody, Busy429, Error408, Error500, Error502,
		Error503, Retry503, Error504, Denied401, Denied403, Bad400, Gone404, HTML404, HTML200, Cut, Twice, Nothing, Huge,
		Redirect, Babble, Somebody, Confused,
	}
}

// RetryAfter is the value that Busy429 and Retry503 send, in seconds.
const RetryAfter = 7

// Next plans how the next requests of an endpoint are handled, in order.
func (s *Server) Next(e Endpoint, plan ...Misbehaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans[e] = append(s.plans[e], plan...)
}

// Always handles every request of an endpoint in the same way; None makes it behave again.
func (s *Server) Always(e Endpoint, m Misbehaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always[e] = m
}

// Trouble handles a share of all requests badly, chosen at random from the seed.
func (s *Server) Trouble(share float64, among ...Misbehaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rate, s.trouble = share, among
}

func (s *Server) next(e Endpoint) Misbehaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	if plan := s.plans[e]; len(plan) > 0 {
		s.plans[e] = plan[1:]
		return plan[0]
	}
	if len(s.trouble) > 0 && s.random.Float64() < s.rate {
		return s.trouble[s.random.IntN(len(s.trouble))]
	}
	return s.always[e]
}

// before reports whether the request is finished without being read.
func (m Misbehaviour) before(w http.ResponseWriter, r *http.Request, number string) bool {
	status := 0
	switch m {
	case DropBefore:
		panic(http.ErrAbortHandler)
	case SlowBefore:
		hang(r)
	case Busy429:
		w.Header().Set("Retry-After", strconv.Itoa(RetryAfter))
		status = http.StatusTooManyRequests
	case Retry503:
		w.Header().Set("Retry-After", strconv.Itoa(RetryAfter))
		status = http.StatusServiceUnavailable
	case Error408:
		status = http.StatusRequestTimeout
	case Error500:
		status = http.StatusInternalServerError
	case Error502:
		status = http.StatusBadGateway
	case Error503:
		status = http.StatusServiceUnavailable
	case Error504:
		status = http.StatusGatewayTimeout
	case Denied401:
		status = http.StatusUnauthorized
	case Denied403:
		status = http.StatusForbidden
	case Gone404, HTML404:
		status = http.StatusNotFound
	case Bad400:
		status = http.StatusBadRequest
	case Redirect:
		w.Header().Set("Location", "/elsewhere/"+number)
		status = http.StatusTemporaryRedirect
	default:
		return false
	}
	quote(w, status, m, number)
	return true
}

// quote refuses a request with a text that names the patient.
func quote(w http.ResponseWriter, status int, m Misbehaviour, number string) {
	body := fmt.Sprintf(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","diagnostics":%q}]}`, "no luck with "+number)
	w.Header().Set("Content-Type", "application/fhir+json")
	if m == HTML404 || m == Error502 {
		body = "<html><body>no luck with " + number + "</body></html>"
		w.Header().Set("Content-Type", "text/html")
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// after sends the answer, possibly damaged.
func (m Misbehaviour) after(w http.ResponseWriter, r *http.Request, a *reply, s *Server) {
	whole := len(a.body)
	switch m {
	case DropAfter:
		panic(http.ErrAbortHandler)
	case SlowAfter:
		hang(r)
	case Babble:
		babble(w, a.body)
		return
	case HTML200:
		a.header.Set("Content-Type", "text/html")
		a.status, a.body = http.StatusOK, append([]byte("<html>"), a.body...)
	case Cut:
		a.body = a.body[:whole/2]
	case Twice:
		a.body = bytes.Replace(a.body, []byte("{"), []byte(`{"resourceType":"Patient","access_token":"another",`), 1)
	case Nothing:
		a.body = nil
	case Huge:
		a.body = append(a.body, bytes.Repeat([]byte(" "), 2<<20)...)
	case Somebody:
		a.somebody(s, r)
		a.header.Set("X-Request-ID", uuid.NewString())
	case Confused:
		a.somebody(s, r)
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if m == DropHeaders || m == DropBody || m == SlowBody {
		a.part(w, r, m)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// part sends a part of the answer, and never the rest.
func (a *reply) part(w http.ResponseWriter, r *http.Request, m Misbehaviour) {
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if m != DropHeaders {
		_, _ = w.Write(a.body[:len(a.body)/2])
	}
	_ = http.NewResponseController(w).Flush()
	if m == SlowBody {
		hang(r)
	}
	panic(http.ErrAbortHandler)
}

// hang keeps the caller waiting until it gives up; then the connection ends.
func hang(r *http.Request) {
	_ = r.ParseForm() // an unread body would hide that the caller has left
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// babble sends an answer that is not HTTP.
func babble(w http.ResponseWriter, body []byte) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	_, _ = connection.Write(append([]byte("HTTP/9.9 "), append(body, "\r\n\r\n"...)...))
}

// Stranger is the patient of Somebody and Confused. The dev world does not have
// this patient, and nobody asks for it.
var Stranger = func() directory.Patient {
	number, err := nhs.ParseNHSNumber("9990000298")
	if err != nil {
		panic(err)
	}
	return directory.Patient{NHSNumber: number, Family: "STRANGER", Given: []string{"Never"}, Postcode: "EX2 5SE", GP: "E82025"}
}()

// somebody replaces a record with the stranger's.
func (a *reply) somebody(s *Server, r *http.Request) {
	if strings.Contains(r.URL.Path, "/Patient/") && a.status != http.StatusUnauthorized {
		a.record(Stranger)
	}
}
