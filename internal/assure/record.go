package assure

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"
	"time"

	"nems/internal/spine"
	"nems/receiver"
)

// Exchange is a request that came to the door, and its answer.
type Exchange struct {
	Number   int // from 1
	Step     string
	At       time.Time // when the request had arrived
	Answered time.Time // when the answer was sent
	Method   string
	Path     string
	Header   http.Header
	Body     []byte
	Hash     string         // SHA-256 of the body, in hex
	TLS      *TLS           // nil over plain HTTP
	Endpoint spine.Endpoint // zero for anything but the FHIR API

	// Facts are what the message says of itself, if it is one. Problems are those of the
	// body that the specification refuses.
	Facts    receiver.Facts
	Person   Person
	Problems []Problem
	// resources are the types of the message's resources.
	resources []string

	// Status and Code are of the answer that the caller got; Status is 0 if it got none.
	Status int
	Code   string
	Reply  []byte
	// replyHeader are the headers of the answer.
	replyHeader http.Header
	// Instead says what the door did in the service's place; "" if it did nothing.
	Instead string
	// Mended is the refusal that the service would have answered, had the door not put
	// right what the caller had sent.
	Mended string
}

// Problem is something in a request that the specification refuses.
type Problem struct {
	Check string // such as token-scope or rule:generic/MessageHeader.source
	Page  string // of the specification
	Place string // FHIRPath of the element, "" for none
	Text  string
}

// TLS is what is known of an encrypted connection.
type TLS struct {
	Version string
	Cipher  string
	// Client is the name in the caller's certificate, "" without one; Trusted says that
	// one of the known issuers has signed it.
	Client  string
	Trusted bool
}

// publishes reports whether the exchange is an attempt to publish.
func (x *Exchange) publishes() bool {
	return x.Endpoint == spine.EndpointPublish && x.Method == http.MethodPost
}

// taken reports whether the caller knows that its message was accepted.
func (x *Exchange) taken() bool { return x.Status == http.StatusAccepted }

// Record keeps the exchanges of a run. Safe for concurrent use.
type Record struct {
	mu      sync.Mutex
	step    string
	answer  *Answer
	given   int // how often it was given
	all     []*Exchange
	changed chan struct{} // closed and replaced when something was added
	open    int           // exchanges that are not answered yet
	looked  []Looked
	outage  int // how many calls of the MESH API fail yet
	told    []Told
}

// Looked is what was judged of a request, right or wrong.
type Looked struct {
	Exchange int
	Problem  Problem // without a text if it was right
}

// NewRecord returns an empty record.
func NewRecord() *Record { return &Record{changed: make(chan struct{})} }

// Begin says that what comes now belongs to a step, and how it is answered; nil for as
// the service does.
func (r *Record) Begin(step string, answer *Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.step, r.answer, r.given = step, answer, 0
}

// Of returns the exchanges of a step that were answered, in their order; all of them for "".
func (r *Record) Of(step string) (of []*Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.all {
		if step == "" || x.Step == step {
			of = append(of, x)
		}
	}
	return of
}

// Changed returns a channel that is closed when another exchange has been answered, and
// how many are not answered yet.
func (r *Record) Changed() (changed <-chan struct{}, open int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed, r.open
}

// arrive says that an exchange has begun, and returns its step.
func (r *Record) arrive(x *Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
	x.Step = r.step
}

// instead returns how the door must answer a message, nil if the service answers.
func (r *Record) instead() *Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answer == nil || r.answer.Times > 0 && r.given >= r.answer.Times {
		return nil
	}
	r.given++
	return r.answer
}

// end adds an exchange that was answered, with what was judged of it.
func (r *Record) end(x *Exchange, looked []Problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open--
	x.Number = len(r.all) + 1
	r.all = append(r.all, x)
	for _, p := range looked {
		r.looked = append(r.looked, Looked{x.Number, p})
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// abandon takes an exchange back that has no end, because of a defect in the door.
func (r *Record) abandon(x *Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x.Number > 0 {
		return
	}
	r.open--
	close(r.changed)
	r.changed = make(chan struct{})
}

// breakMailbox lets the next calls of the MESH API fail.
func (r *Record) breakMailbox(calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outage = calls
}

// broken reports whether a call of the MESH API fails.
func (r *Record) broken() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.outage == 0 {
		return false
	}
	r.outage--
	return true
}

// tell keeps a report of the system under test.
func (r *Record) tell(t Told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, t)
}

// Told returns what the system under test has reported.
func (r *Record) Told() []Told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

// Judged returns all that was judged of requests.
func (r *Record) Judged() []Looked {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.looked)
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
