package mailbox

import (
	"cmp"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/store"
	"nems/internal/wire"
)

// The lives of a message (MESH API, "Message expiration").
const (
	Expiry    = 5 * 24 * time.Hour
	Retention = 30 * 24 * time.Hour
)

// Config is what a Server needs. Boxes and SharedKey are required.
type Config struct {
	Boxes Boxes
	// SharedKey is the secret of the environment that every token is made with.
	SharedKey []byte
	// Now is the clock of tokens and messages; nil means time.Now.
	Now func() time.Time
	// Logger gets one line for each request that fails by our fault, and in dev
	// mode one for each request; nil means none.
	Logger *slog.Logger
	// Allowed tells whether a request whose token is good may use the mailbox:
	// in production, whether the connection's client certificate belongs to it.
	// nil allows all.
	Allowed func(r *http.Request, mailbox store.Mailbox) bool
	// Recorder keeps the audit; nil means none. While it has no room requests are
	// answered 503, before anything is done or disclosed.
	Recorder Recorder
	// Certificate names the client certificate of a request, for the audit; nil
	// names none.
	Certificate func(r *http.Request) string
	// NEMS is the mailbox that copies of events come from. Reserved tells their
	// workflow ids, which are taken from NEMS alone and from whom an operator has
	// registered as a sender: receivers tell events by them. nil reserves none.
	NEMS     string
	Reserved func(workflow string) bool
	// Dev opens the endpoints of the MESH sandbox that reset mailboxes, write
	// reports and change messages, without authorization.
	Dev bool
	// Faults makes the server awkward, for tests of clients; nil: it behaves.
	Faults *Faults
	// TurnedAway is told who was refused for a token, for their number or for
	// being slow; mailbox is "" where there is none of that name. nil: nobody.
	TurnedAway func(r *http.Request, mailbox string, why Reason)
	// Share is what one mailbox may have at a time.
	Share Share
	// Pace is how fast bodies have to come and answers to be taken; zero means
	// usualPace.
	Pace wire.Pace
	// MaxChunk is the largest body of one request in bytes; 0 means
	// mesh.MaxChunk.
	MaxChunk int64
}

// usualPace: 100 MB may take the better part of two hours.
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

// ServeHTTP answers one request. Whatever happens inside, the answer has the
// API's error form; a failure after an answer began ends the connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{Server: s, r: r, version: mesh.V1}
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
		s.Logger.Debug("mesh request", "endpoint", c.name, "mailbox", c.box.ID, "status", c.w.status)
	}
}

// call is one request on its way.
type call struct {
	*Server
	w       *answer
	r       *http.Request
	version mesh.Version
	name    string        // of the endpoint, for the log: never the path
	args    []string      // the variable parts of the path
	box     store.Mailbox // whose token it came with
	body    *wire.Body
	reading bool // of the body has begun

	// For the audit:
	action   audit.Action  // "": there is nothing to tell
	recorded bool          // the entry is kept
	asked    store.Mailbox // that the path names, if there is one: box, or a refused token's
	about    store.Message // what the call is about, once it is found
	object   string        // the id of that message
	outcome  string        // of a refusal
}

// run finds the endpoint, checks the token and hands over. A path that does
// not exist is refused before the token is looked at.
func (c *call) run() error {
	e, args, err := findEndpoint(c.r, c.Dev)
	if target, ok := withoutSlash(c.r.URL, c.Dev); ok {
		c.name = "redirect"
		c.w.Header().Set("Location", target)
		c.w.WriteHeader(http.StatusTemporaryRedirect) // the method stays
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

// reference is what a caller quotes and the log line carries.
func reference() string { return strconv.FormatUint(rand.Uint64(), 36) }
