// Package sqs speaks the JSON protocol of Amazon SQS. Its Server offers the hosted
// mailboxes as queues, so that consumers that were written for MNS, which delivers
// to SQS, run unchanged here. Its Sender carries copies to queues, wherever they are.
//
// Sources: AWS, SQS API reference and developer guide (quotas, message attributes);
// Smithy's model of SQS in aws-sdk-go-v2/service/sqs v1.53.
package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/requestid"
	"nems/internal/store"
	"nems/internal/wire"
)

// Boxes stores mailboxes and the messages in them; the contracts are those of
// mailbox.Boxes.
type Boxes interface {
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	Count(ctx context.Context, mailbox int64) (int, error)
	Message(ctx context.Context, mailbox int64, position store.EventID) (store.Message, error)
	Chunk(ctx context.Context, m *store.Message, n int, w io.Writer) error
	Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error
	Send(ctx context.Context, m store.Message, first []byte, e *audit.Entry) error
	Restricted(ctx context.Context, workflow string) (w store.Workflow, ok bool, err error)
	SentByLocalID(ctx context.Context, sender, localID string) ([]store.Message, error)
	NextPosition() store.EventID
	Reset(ctx context.Context, row int64) error
	// Mailboxes lists all, remote ones too.
	Mailboxes(ctx context.Context) ([]store.Mailbox, error)
	// PutMailbox stores one, and returns its row.
	PutMailbox(ctx context.Context, m store.Mailbox) (int64, error)
}

// Queues keeps what the consumers of queues hold, by the clock of leases, which
// nodes share. Safe for concurrent use. A change is on disk when its method returns.
type Queues interface {
	// AnyFree reports whether Take would give anything. It changes nothing.
	AnyFree(ctx context.Context, mailbox int64) (bool, error)
	// Take gives a consumer up to max waiting messages that nobody holds, oldest
	// first, and holds them for a while. A message whose time has passed is given
	// again. Where store.MostHeld are held, nothing is given.
	Take(ctx context.Context, mailbox int64, hold time.Duration, max int) ([]store.Taken, error)
	// Hold holds a message for a while from now; 0 gives it back. store.ErrNotFound
	// when it is not held any more, or was given again since.
	Hold(ctx context.Context, mailbox int64, t store.Taken, while time.Duration) error
	// Delay keeps a message, which is yet to be sent, from everybody for a while;
	// store.ErrDelayed where store.MostDelayed of the queue are.
	Delay(ctx context.Context, mailbox int64, position store.EventID, while time.Duration) error
	// LetGo forgets a message that was acknowledged. It does not wait: SweepHeld
	// removes what it could not.
	LetGo(mailbox int64, position store.EventID) error
	// SweepHeld forgets up to max messages that are in no inbox any more, and
	// returns how many.
	SweepHeld(ctx context.Context, max int) (int, error)
	// HeldNow counts what is held of a queue.
	HeldNow(ctx context.Context, mailbox int64) (store.Held, error)
}

// Config is what a Server needs. Boxes and Queues are required.
type Config struct {
	Boxes  Boxes
	Queues Queues
	// Open admits every caller to every queue, for development. Otherwise a caller
	// signs with the id of its mailbox as access key and the mailbox's password as
	// secret, and receives from its own queue alone.
	Open bool
	// Allowed reports whether a request with a valid signature may use the mailbox,
	// as that of mailbox.Config; nil allows all.
	Allowed func(r *http.Request, mailbox store.Mailbox) bool
	// Base returns scheme and host by which the caller reached the service, for the
	// URLs of queues.
	Base func(r *http.Request) string
	// NEMS is the mailbox from which the service itself sends.
	NEMS string
	// Now is the clock of business time, TokenTime the one by which signatures are judged.
	Now, TokenTime func() time.Time
	// Stopping ends receiving: those who wait for messages are answered.
	Stopping <-chan struct{}
	// RecordRoom and Record are those of mailbox.Recorder; nil: nothing is recorded.
	RecordRoom func(mailbox string) error
	Record     func(audit.Entry)
	// TurnedAway is told of each caller that is refused for its signature; mailbox
	// is "" if there is no such mailbox. nil: nobody is told.
	TurnedAway func(r *http.Request, mailbox, why string)
	Log        *slog.Logger
}

const (
	// mostBody is the longest request: a batch of 1 MiB whose characters are escaped.
	mostBody = 8 << 20
	// Requests of one caller, and of all, that are served at the same time, most of
	// which wait for messages; and those whose bodies are read.
	mostOfOne, mostOfAll, mostReading = 128, 2048, 16
)

// smallBody is up to how many bytes a body needs no place among those that are read.
const smallBody = 64 << 10

// pace is how fast bodies must come and answers must be taken.
var pace = wire.Pace{Silence: 20 * time.Second, Rate: 64 << 10}

// Server answers requests of the JSON protocol, whatever their path. Safe for
// concurrent use.
type Server struct {
	Config
	places  *places
	reading chan struct{}
}

// New returns a Server. It starts nothing.
func New(c Config) *Server {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.TokenTime == nil {
		c.TokenTime = c.Now
	}
	if c.RecordRoom == nil {
		c.RecordRoom = func(string) error { return nil }
	}
	if c.Record == nil {
		c.Record = func(audit.Entry) {}
	}
	if c.TurnedAway == nil {
		c.TurnedAway = func(*http.Request, string, string) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{Config: c, places: newPlaces(mostOfOne, mostOfAll), reading: make(chan struct{}, mostReading)}
}

// target is the header by which operations are named.
const (
	target       = "X-Amz-Target"
	targetPrefix = "AmazonSQS."
)

// Owns reports whether a request is one of SQS's.
func Owns(r *http.Request) bool { return strings.HasPrefix(r.Header.Get(target), targetPrefix) }

// ServeHTTP answers one request. Whatever happens, the answer has SQS's form.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := requestid.Give(r.Context(), w, r)
	r = r.WithContext(ctx)
	wire.CloseIfSuspect(w, r)
	c := &call{Server: s, r: r}
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.Log.ErrorContext(ctx, "an SQS request failed", "operation", c.name, "stack", string(debug.Stack()))
			c.write(w, nil, internalError)
		}
	}()
	out, err := c.run(w)
	if err != nil && problemOf(err) == internalError {
		s.Log.ErrorContext(ctx, "an SQS request failed", "operation", c.name, "error", err)
	}
	c.write(w, out, err)
}

// call is one request while it is served.
type call struct {
	*Server
	r      *http.Request
	name   string        // of the operation
	caller store.Mailbox // whose key signed; without a row where everybody is admitted
}

// run finds the operation, the caller and a place, and does what is asked.
func (c *call) run(w http.ResponseWriter) (any, error) {
	name, ours := strings.CutPrefix(c.r.Header.Get(target), targetPrefix)
	do, known := operations[name]
	if !ours || !known || c.r.Method != http.MethodPost {
		return nil, unknown
	}
	c.name = name
	if do == nil {
		return nil, notOffered.because("This service does not offer %s.", name)
	}
	sig, err := readSignature(c.r.Header.Get("Authorization"))
	if err != nil && !c.Open {
		c.TurnedAway(c.r, "", "no-signature")
		return nil, err
	}
	box, err := c.identify(sig)
	if err != nil {
		return nil, err
	}
	leave, ok := c.places.take(c.who(sig))
	if !ok {
		return nil, throttled
	}
	defer leave()
	body, err := c.read(w)
	if err != nil {
		return nil, err
	}
	if err := c.admit(sig, box, body); err != nil {
		return nil, err
	}
	if err := c.RecordRoom(c.caller.ID); err != nil {
		return nil, err
	}
	return do(c, body)
}

// who is by whom a place counts as taken: whoever only says that they are another has
// places of their own.
func (c *call) who(s signature) string {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		host = c.r.RemoteAddr
	}
	return host + " " + strings.ToUpper(s.keyID)
}

// read reads the body: a large one when there is room for it.
func (c *call) read(w http.ResponseWriter) ([]byte, error) {
	if c.r.ContentLength < 0 || c.r.ContentLength > smallBody {
		select {
		case c.reading <- struct{}{}:
			defer func() { <-c.reading }()
		case <-c.r.Context().Done():
			return nil, unavailable
		}
	}
	c.r.Body = http.MaxBytesReader(w, c.r.Body, mostBody)
	body, err := io.ReadAll(wire.NewBody(w, c.r, pace))
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return nil, unreadable
	}
	return body, err
}

// identify finds whose key is said to have signed, before anything is read of
// whoever has none, or another's certificate.
func (c *call) identify(s signature) (store.Mailbox, error) {
	box, err := c.Boxes.Mailbox(c.r.Context(), s.keyID)
	there := err == nil && !box.Remote
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return box, err
	case c.Open && !there:
		return store.Mailbox{}, nil
	case c.Open:
		return box, nil
	case !there || box.Password == "":
		c.TurnedAway(c.r, box.ID, badSignature.shape)
		return box, badSignature
	case c.Allowed != nil && !c.Allowed(c.r, box):
		c.TurnedAway(c.r, box.ID, "foreign-certificate")
		return box, accessDenied
	}
	return box, nil
}

// admit verifies the signature of a key that is known.
func (c *call) admit(s signature, box store.Mailbox, body []byte) error {
	if !c.Open {
		if wrong := s.verify(c.r, body, box.Password, c.TokenTime()); wrong != nil {
			c.TurnedAway(c.r, box.ID, problemOf(wrong).shape)
			return wrong
		}
	}
	c.caller = box
	return nil
}

// mediaType is that of the JSON protocol.
const mediaType = "application/x-amz-json-1.0"

// write writes the answer.
func (c *call) write(w http.ResponseWriter, out any, err error) {
	h, status := w.Header(), http.StatusOK
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Amzn-Requestid", requestid.ID(c.r.Context()).String())
	if err != nil {
		p := problemOf(err)
		status = p.status
		fault := "Sender"
		if status >= http.StatusInternalServerError {
			fault = "Receiver"
		}
		h.Set("X-Amzn-Query-Error", p.code()+";"+fault)
		out = struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}{"com.amazonaws.sqs#" + p.shape, p.message}
	}
	if out == nil {
		out = struct{}{}
	}
	text, err := json.Marshal(out)
	if err != nil {
		c.Log.ErrorContext(c.r.Context(), "writing an answer", "operation", c.name, "error", err)
		status, text = http.StatusInternalServerError, []byte("{}")
	}
	answer := wire.NewResponse(w, pace)
	answer.WriteHeader(status)
	_, _ = answer.Write(text)
}
