package mailbox

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/requestid"
	"nems/internal/store"
	"nems/internal/wire"
)

// How long a message lives (MESH API, "Message expiration").
const (
	Expiry    = 5 * 24 * time.Hour
	Retention = 30 * 24 * time.Hour
)

// Config is what a Server needs. Boxes and SharedKey are required.
type Config struct {
	Boxes Boxes
	// SharedKey is the secret of the environment with which every token is made.
	SharedKey []byte
	// Now is the clock for messages; nil means time.Now.
	Now func() time.Time
	// TokenTime is the clock by which tokens are judged, which callers have dated by
	// their own; nil means Now.
	TokenTime func() time.Time
	// Logger gets one line for each request that fails through our fault, and
	// in dev mode one for every request; nil means no log.
	Logger *slog.Logger
	// Allowed reports whether a request with a valid token may use the mailbox:
	// in production, whether the connection's client certificate belongs to it.
	// nil allows all.
	Allowed func(r *http.Request, mailbox store.Mailbox) bool
	// Recorder writes the audit; nil means no audit. While it has no room,
	// requests are answered 503 before anything is done or disclosed.
	Recorder Recorder
	// Certificate returns the name of a request's client certificate, for the
	// audit; nil means no name.
	Certificate func(r *http.Request) string
	// NEMS is the mailbox from which copies of events are sent. Reserved reports
	// whether a workflow id belongs to events. Receivers recognise events by
	// these ids, so they are accepted only from NEMS and from senders that an
	// operator has registered. nil reserves none.
	NEMS     string
	Reserved func(workflow string) bool
	// Dev enables the endpoints of the MESH sandbox that reset mailboxes, write
	// reports and change messages, without authorisation.
	Dev bool
	// Faults makes the server fail, for tests of clients; nil means that it behaves.
	Faults *Faults
	// TurnedAway is called when a caller is refused for its token, for the
	// number of its requests or for being slow. mailbox is "" if no such
	// mailbox exists. A nil TurnedAway is not called.
	TurnedAway func(r *http.Request, mailbox string, why Reason)
	// Answered is told of every answer: the action of the audit, or the endpoint's
	// name, "none" for an unknown path; the status; the time since the head of the
	// request had arrived. nil: nobody is told.
	Answered func(ctx context.Context, action string, status int, took time.Duration)
	// Share is how many requests one mailbox may have at a time.
	Share Share
	// Pace is how fast bodies must arrive and answers must be received; zero
	// means usualPace.
	Pace wire.Pace
	// MaxChunk is the largest body of one request in bytes; 0 means
	// mesh.MaxChunk.
	MaxChunk int64
}

// With usualPace 100 MB may take nearly two hours.
var usualPace = wire.Pace{Silence: 30 * time.Second, Rate: 16 << 10}

// Server answers /messageexchange/... and, in dev mode, /admin/.... Safe for
// concurrent use.
type Server struct {
	Config
	handler http.Handler
	counts  counts
	shares  *shares
	faults  *faulter
}

// New returns a Server. It starts nothing.
func New(c Config) *Server {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.TokenTime == nil {
		c.TokenTime = c.Now
	}
	if c.Recorder == nil {
		c.Recorder = noRecorder{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxChunk == 0 {
		c.MaxChunk = mesh.MaxChunk
	}
	if c.Pace == (wire.Pace{}) {
		c.Pace = usualPace
	}
	s := &Server{Config: c, shares: newShares(c.Share)}
	s.handler = http.HandlerFunc(s.serve)
	if c.Faults != nil {
		s.faults = newFaulter(*c.Faults)
		s.handler = s.faults.wrap(s.handler)
		s.Boxes = s.faults.boxes(s.Boxes)
	}
	return s
}

// ServeHTTP answers one request. Whatever happens, the answer has the API's
// error form. A failure after the answer began closes the connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	r = r.WithContext(requestid.Give(r.Context(), w, r))
	c := &call{Server: s, r: r, version: mesh.V1}
	if s.Answered != nil { // of what was broken off too
		defer func() { s.Answered(r.Context(), cmp.Or(c.name, "none"), c.w.status, time.Since(begun)) }()
	}
	c.w = &answer{ResponseWriter: wire.NewResponse(w, s.Pace), begins: c.record}
	c.body = wire.NewBody(w, r, s.Pace)
	wire.CloseIfSuspect(w, r)
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			c.fail(defect{p})
		}
	}()
	if err := c.run(); err != nil {
		c.fail(err)
	}
	if s.Dev && s.Logger.Enabled(r.Context(), slog.LevelDebug) {
		s.Logger.DebugContext(r.Context(), "mesh request", "endpoint", c.name, "mailbox", c.box.ID, "status", c.w.status)
	}
}

// call is one request while it is served.
type call struct {
	*Server
	w       *answer
	r       *http.Request
	version mesh.Version
	name    string        // of the endpoint, for the log, which never has the path
	args    []string      // the variable parts of the path
	box     store.Mailbox // the mailbox whose token was sent
	body    *wire.Body
	reading bool // reading the body has begun

	// For the audit:
	action   audit.Action  // "": no audit entry is needed
	recorded bool          // the entry is written
	asked    store.Mailbox // the mailbox in the path, if it exists; unlike box it is set for a refused token too
	about    store.Message // the message that the call is about, once it is found
	object   string        // the id of that message
	outcome  string        // of a refusal
}

// run finds the endpoint, checks the token and calls the endpoint. An unknown
// path is refused before the token is checked.
func (c *call) run() error {
	e, args, err := findEndpoint(c.r, c.Dev)
	if target, ok := withoutSlash(c.r.URL, c.Dev); ok {
		c.name = "redirect"
		c.w.Header().Set("Location", target)
		c.w.WriteHeader(http.StatusTemporaryRedirect) // a client repeats the same method
		return nil
	}
	c.name, c.args = cmp.Or(string(e.action), e.name), args
	accepted, acceptErr := mesh.AcceptedVersion(c.r.Header.Get("Accept"))
	c.version = accepted
	if err != nil {
		return err
	}
	c.action = e.action
	var token mesh.Token
	if !e.open {
		if token, err = c.authorise(args[0]); err != nil {
			return err
		}
		c.args = args[1:]
	}
	leave, err := c.takePlace(e)
	if err != nil {
		return err
	}
	defer leave()
	if c.action != "" {
		if err := c.Recorder.RecordRoom(c.asked.ID); err != nil {
			return err
		}
	}
	if !e.open {
		if err := c.spend(token); err != nil {
			return err
		}
	}
	if acceptErr != nil {
		return &mesh.Error{Status: http.StatusBadRequest, Description: "Accept header api format incorrect"}
	}
	return e.serve(c)
}

// reference returns a text that the caller can quote and that the log line contains.
func reference() string { return strconv.FormatUint(rand.Uint64(), 36) }
