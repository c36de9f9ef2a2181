package pdsapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/spine"
	"nems/internal/wire"
)

// Base is where the API is, and TokenPath where access tokens come from. Both are
// those of api.service.nhs.uk.
const (
	Base      = "/personal-demographics/FHIR/R4"
	TokenPath = "/oauth2/token"
)

// Owns reports whether a path is one that this API answers.
func Owns(path string) bool {
	return strings.HasPrefix(path, "/personal-demographics/") || path == "/personal-demographics" || strings.HasPrefix(path, "/oauth2/")
}

// Records keeps patients' records. *broker.Broker implements it. Safe for concurrent use.
type Records interface {
	// PatientRecord returns store.ErrNotFound for a patient without one.
	PatientRecord(ctx context.Context, n nhs.NHSNumber) (demographics.Record, error)
	// FindRecords returns up to q.Limit records, by their numbers. They may be more
	// than those that q describes, never fewer.
	FindRecords(ctx context.Context, q demographics.Query) ([]demographics.Record, error)
	// ChangeRecord changes a record and publishes the events of that. A request that
	// is repeated gets the result of the first one.
	ChangeRecord(ctx context.Context, r broker.RecordRequest) (broker.RecordChanged, error)
}

// Config is what the API needs.
type Config struct {
	Records       Records
	Organisations directory.Organisations // knows which codes are those of practices
	Systems       spine.Registry
	// Record writes an audit entry. It never blocks.
	Record func(audit.Entry)
	// Base returns scheme and host to which a request was sent; "" if they are not valid.
	Base func(*http.Request) string
	// Open serves callers without a token, or with any: the dev world.
	Open bool
	// Also tells of a system without a right to records whether it gets a token all the
	// same, for another API; nil: none does.
	Also func(access.System) bool
	// TokenKey seals access tokens: 32 bytes, secret, the same on all nodes; nil
	// makes a new key.
	TokenKey []byte
	Now      func() time.Time
	// TokenTime is the clock by which tokens are judged, which callers have dated by
	// their own; nil means Now.
	TokenTime func() time.Time
	Log       *slog.Logger
}

// API serves Base and TokenPath.
type API struct {
	Config
	used  usedIDs
	newID func() string
	slots chan struct{} // one for each request that is served
}

// New returns the API. It starts nothing.
func New(c Config) *API {
	if c.TokenTime == nil {
		c.TokenTime = c.Now
	}
	if len(c.TokenKey) == 0 {
		c.TokenKey = make([]byte, 32)
		_, _ = rand.Read(c.TokenKey) // never fails
	}
	return &API{Config: c, newID: randomID, used: usedIDs{until: map[string]time.Time{}}, slots: make(chan struct{}, servedAtOnce)}
}

// randomID is the id of a new item, in the form of PDS's.
func randomID() string {
	var id [4]byte
	_, _ = rand.Read(id[:]) // never fails
	return strings.ToUpper(hex.EncodeToString(id[:]))
}

// exchange is one request and its answer.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	caller  access.Caller
	rights  Rights
	action  audit.Action // "" until it is known what the request is for
	patient nhs.NHSNumber
	known   bool // the caller is
}

// Limits of one request.
const (
	arriveWithin = 30 * time.Second
	serveWithin  = 10 * time.Second // after which PDS answers 503
	takeWithin   = 60 * time.Second
	maxBody      = 256 << 10
	servedAtOnce = 256 // requests; each holds a body and some records
)

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	deadlines, now := http.NewResponseController(w), time.Now()
	_ = deadlines.SetReadDeadline(now.Add(arriveWithin)) // not every writer supports deadlines
	_ = deadlines.SetWriteDeadline(now.Add(takeWithin))
	wire.CloseIfSuspect(w, r)
	ctx, cancel := context.WithTimeout(r.Context(), serveWithin)
	defer cancel()
	x := &exchange{w: w, r: r.WithContext(ctx)}
	defer a.recover(x)
	x.mirror()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		a.refuse(x, &Fault{Status: http.StatusTooManyRequests, Code: tooManyRequests, RetryAfter: 1, Diagnostics: "More requests than can be served at once"})
		return
	}
	if r.URL.Path == TokenPath {
		a.token(x)
		return
	}
	if err := a.serve(x); err != nil {
		a.refuse(x, err)
	}
}

// mirror sends back the ids by which people find a request.
func (x *exchange) mirror() {
	for _, name := range []string{"X-Request-ID", "X-Correlation-ID"} {
		value := x.r.Header.Get(name)
		if value != "" && len(value) <= 200 && strings.Trim(value, printable) == "" {
			x.w.Header().Set(name, value)
		}
	}
}

const printable = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:+/=|~ "

// serve finds what the request is for and does it.
func (a *API) serve(x *exchange) error {
	path, ok := strings.CutPrefix(x.r.URL.Path, Base+"/")
	if !ok {
		return unknownPath(x.r.URL.Path)
	}
	parts := strings.Split(path, "/")
	if parts[0] != "Patient" {
		return unknownPath(x.r.URL.Path)
	}
	handlers := map[string]func(*exchange) error{http.MethodGet: a.search, http.MethodPost: a.create}
	switch {
	case len(parts) == 2 && parts[1] == bornPath:
		handlers = map[string]func(*exchange) error{http.MethodPost: a.born}
		parts = parts[:1] // no patient yet
	case len(parts) == 2 && parts[1] == "":
		return badRequest(unsupportedService, "Missing NHS number")
	case len(parts) == 2:
		handlers = map[string]func(*exchange) error{http.MethodGet: a.read, http.MethodPatch: a.patch}
	case len(parts) == 3 && parts[2] == "RelatedPerson":
		handlers = map[string]func(*exchange) error{http.MethodGet: a.related}
	case len(parts) > 1:
		return unknownPath(x.r.URL.Path)
	}
	handle := handlers[cmp.Or(map[string]string{http.MethodHead: http.MethodGet}[x.r.Method], x.r.Method)]
	if handle == nil {
		return wrongMethod(handlers)
	}
	x.action = audit.ActionReadRecord
	if x.changes() {
		x.action = audit.ActionChangeRecord
	} else if len(parts) == 1 {
		x.action = audit.ActionFindRecords
	}
	err := a.admit(x)
	x.caller.Request, _ = uuid.Parse(x.r.Header.Get("X-Request-ID")) // which requestID checks
	if err != nil {
		return err
	}
	if fault := x.requestID(); fault != nil {
		return fault
	}
	if len(parts) > 1 {
		number, err := nhs.ParseNHSNumber(parts[1])
		if err != nil || number.Digits() != parts[1] {
			return badRequest(invalidResourceID, "")
		}
		x.patient = number
	}
	return handle(x)
}

func unknownPath(path string) *Fault {
	return &Fault{Status: http.StatusNotFound, Code: unsupportedService, Diagnostics: "There is no " + quote(path) + "; there are " +
		Base + "/Patient, .../Patient/{NHS number} and .../Patient/{NHS number}/RelatedPerson, and " + TokenPath}
}

func wrongMethod(handlers map[string]func(*exchange) error) *Fault {
	methods := slices.Sorted(maps.Keys(handlers))
	if i := slices.Index(methods, http.MethodGet); i >= 0 {
		methods = slices.Insert(methods, i+1, http.MethodHead)
	}
	allow := strings.Join(methods, ", ")
	return &Fault{Status: http.StatusMethodNotAllowed, Code: invalidMethod, Allow: allow, Diagnostics: "Allowed methods are " + allow}
}

// changes reports whether a request is one to change something.
func (x *exchange) changes() bool {
	return x.r.Method == http.MethodPatch || x.r.Method == http.MethodPost
}

// requestID checks the header that every request must have.
func (x *exchange) requestID() *Fault {
	id := x.r.Header.Get("X-Request-ID")
	if id == "" {
		return badRequest(missingValue, "Invalid request with error - X-Request-ID header must be supplied to access this resource")
	}
	if _, err := uuid.Parse(id); err != nil || len(id) != 36 {
		return badRequest(invalidValue, "Invalid value - "+quote(id)+" in header 'X-Request-ID'")
	}
	return nil
}

// audit writes what the request came to about a patient.
func (a *API) audit(x *exchange, action audit.Action, patient nhs.NHSNumber, status int, code string) {
	e := broker.Entry(x.caller, action)
	e.At, e.Patient, e.Status, e.Outcome, e.Object = a.Now(), patient, status, code, strings.ToLower(x.w.Header().Get("X-Request-ID"))
	a.Record(e)
}

// recover answers 500 for a panic, so that a defect costs one request.
func (a *API) recover(x *exchange) {
	p := recover()
	if p == nil || p == http.ErrAbortHandler {
		return
	}
	reference := uuid.NewString()
	// The panic's text may contain a part of a request, so only its place is logged.
	a.Log.Error("panic", "reference", reference, "api", "pds", "stack", string(debug.Stack()))
	a.refuse(x, &Fault{Status: http.StatusInternalServerError, Code: internalServerError, Diagnostics: "Reference " + reference})
}
