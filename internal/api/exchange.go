package api

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"

	"nems/internal/access"
	"nems/internal/broker"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/requestid"
	"nems/internal/spine"
	"nems/internal/store"
	"nems/internal/wire"
)

// exchange is one request and its answer.
type exchange struct {
	w      http.ResponseWriter
	r      *http.Request
	route  route // the zero route until the path is known
	caller access.Caller
	base   string       // the address that the caller used, without a path
	media  access.Media // the media type of the answer
	status int          // of the answer, once known
	begun  time.Time    // when the head of the request had arrived

	view      view            // which part of the resource to show, and how
	viewWrong *refuse.Refusal // what is wrong with the requested view; nil if nothing is
	queried   bool            // the URL has parameters other than those of the view

	// What the audit says about the request, besides who made it.
	object    string          // subscription id
	patients  []nhs.NHSNumber // each gets an entry
	eventType string
	mailbox   string
	// recorded says that the broker has written the audit entry, in the
	// transaction that it describes.
	recorded bool
	// told is what a message that was refused says of itself.
	told struct{ eventType, messageID string }

	share   *share // of the calling system; nil if the request needs no token
	held    int64  // bytes reserved for the body
	working bool   // it has a place among the requests being worked on
	worked  int    // the size of the body for which it has the place
	split   bool   // the answer may be sent before the body has arrived
	whole   bool   // all of the body was read

	// then goes on when all that is recorded, and the request has given back what it
	// holds of the limits: it may last for hours.
	then func(context.Context)
}

// Limits on how long a request may take to arrive, to be served, and until its
// answer is received. Slower requests are cut off.
const (
	arriveWithin = 30 * time.Second
	serveWithin  = 30 * time.Second
	takeWithin   = 90 * time.Second
)

// lingerMost is how much of a refused body is read and discarded.
const lingerMost = 16 << 20

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := requestid.Give(r.Context(), w, r)
	if then := a.answer(ctx, w, r); then != nil {
		then(ctx)
	}
}

// answer answers a request, but for what then does.
func (a *API) answer(ctx context.Context, w http.ResponseWriter, r *http.Request) (then func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, serveWithin)
	defer cancel()
	x := &exchange{w: w, r: r.WithContext(ctx), media: access.DefaultMedia, status: http.StatusOK, begun: time.Now()}
	defer a.recover(x)
	x.look()
	guardConnection(w, r)
	x.split = wire.AnswerEarly(w, r, false)
	defer x.linger()
	refusal := a.fair.enter()
	defer a.fair.leave()
	if refusal != nil {
		a.finish(x, refusal)
		return nil
	}
	defer a.release(x)
	a.finish(x, a.serve(x))
	return x.then
}

// release gives back what the request has reserved.
func (a *API) release(x *exchange) {
	if x.held > 0 {
		a.fair.drop(x.share, x.held)
	}
	if x.working {
		a.fair.rest(x.worked)
	}
}

// linger reads and discards the rest of a refused body.
func (x *exchange) linger() {
	if x.split && !x.whole {
		wire.Linger(x.w, x.r, lingerMost, arriveWithin)
	}
}

// guardConnection limits how long the connection may be used, and closes it
// after requests with suspicious framing.
func guardConnection(w http.ResponseWriter, r *http.Request) {
	deadlines, now := http.NewResponseController(w), time.Now()
	_ = deadlines.SetReadDeadline(now.Add(arriveWithin)) // not every writer supports deadlines
	_ = deadlines.SetWriteDeadline(now.Add(takeWithin))
	wire.CloseIfSuspect(w, r)
}

// serve finds the route, checks the caller and the limits, and handles the
// request. finish renders its error.
func (a *API) serve(x *exchange) error {
	res, id, refusal := a.table.find(x.r.URL)
	if refusal != nil {
		return refusal
	}
	if x.r.Method == http.MethodOptions {
		x.w.Header().Set("Allow", res.allow)
	}
	rt, ok := res.route(x.r.Method)
	switch {
	case !ok && x.r.Method == http.MethodOptions: // everybody may ask what a path allows
		return x.empty(http.StatusNoContent)
	case !ok:
		return refuse.MethodNotAllowed(res.allow)
	}
	x.route, x.object = rt, id
	if refusal := checkHead(x.r.Header); refusal != nil {
		return refusal
	}
	if x.base = a.Base(x.r); x.base == "" {
		return refuse.HeaderInvalid("Host", "a host name or an address, with or without a port", "another form")
	}
	if rt.open {
		return a.serveOpen(x)
	}
	return a.admit(x)
}

// serveOpen handles a request that needs no token.
func (a *API) serveOpen(x *exchange) error {
	media, refusal := spine.Negotiate(x.r.Header, x.view.format, x.route.endpoint)
	if x.media = media; refusal != nil {
		return refusal
	}
	return x.handle()
}

// admit identifies the caller, and handles the request if the caller is
// admitted and has not used up its share.
func (a *API) admit(x *exchange) (err error) {
	// The audit names a refused caller too, by what the request claims.
	x.caller, err = a.Door.Enter(x.r.Context(), spine.Request{
		Endpoint: x.route.endpoint, Header: x.r.Header, Format: x.view.format, Certificate: spine.PeerNames(x.r),
	})
	x.media, x.caller.Request = x.caller.Answer, requestid.ID(x.r.Context())
	if err != nil {
		return err
	}
	share, refusal := a.fair.admit(x.caller.ASID, a.Now())
	if refusal != nil {
		return refusal
	}
	x.share = share
	defer a.fair.done(share)
	return x.handle()
}

// handle calls the route's handler, unless the request asks for an impossible view.
func (x *exchange) handle() error {
	if x.viewWrong != nil {
		return x.viewWrong
	}
	return x.route.handle(x)
}

// finish renders a refusal, and writes the audit entry if the broker has not
// done so. Requests for unknown paths, and those that need no token, are
// counted but not recorded, because no known caller made them.
func (a *API) finish(x *exchange, err error) {
	code := ""
	if err != nil {
		refusal := a.refusal(x.r.Context(), err)
		x.status, code = refusal.Status, string(refusal.Code())
		if x.split && !x.whole {
			x.w.Header().Set("Connection", "close")
		}
		x.refuse(refusal)
		a.recordRefusal(x, refusal)
	}
	if x.route.action != "" && (!x.recorded || err != nil) {
		a.record(x, code)
	}
	action := cmp.Or(string(x.route.action), x.route.name, "none")
	a.Log.LogAttrs(x.r.Context(), slog.LevelDebug, "fhir request",
		slog.String("action", action), slog.String("asid", string(x.caller.ASID)), slog.Int("status", x.status), slog.String("code", code))
	if a.Answered != nil {
		a.Answered(x.r.Context(), action, code, x.status, time.Since(x.begun))
	}
}

// recordRefusal has the reason of a refusal kept, unless nobody is behind the request.
func (a *API) recordRefusal(x *exchange, r *refuse.Refusal) {
	if x.route.action == "" {
		return
	}
	a.Recorder.Refused(store.Refused{
		At: a.Now(), Action: x.route.action, ASID: x.caller.ASID, ODS: x.caller.ODS, Certificate: x.caller.Certificate,
		Status: r.Status, Code: string(r.Code()), EventType: x.told.eventType, MessageID: x.told.messageID, Reason: r.Reason(),
	})
}

// concerns has the audit say whom the request is about, if that is known.
func (x *exchange) concerns(patient nhs.NHSNumber) {
	if !patient.IsZero() {
		x.patients = []nhs.NHSNumber{patient}
	}
}

// record leaves an entry in the audit, and where the request is about several
// patients, one for each.
func (a *API) record(x *exchange, code string) {
	e := broker.Entry(x.caller, x.route.action)
	e.At, e.Status, e.Outcome = a.Now(), x.status, code
	e.Object, e.EventType, e.Mailbox = x.object, x.eventType, x.mailbox
	if len(x.patients) == 0 {
		a.Recorder.Record(e)
	}
	for _, e.Patient = range x.patients {
		a.Recorder.Record(e)
	}
}

// refusal converts any error to an answer: the caller's mistakes unchanged,
// temporary errors to 503, and everything else to 500 with a reference to
// quote.
func (a *API) refusal(ctx context.Context, err error) *refuse.Refusal {
	var refusal *refuse.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal
	case store.Temporary(err):
		a.Log.WarnContext(ctx, "temporarily refused", "reason", err)
		return refuse.Unavailable(time.Second)
	}
	reference := uuid.NewString()
	a.Log.ErrorContext(ctx, "defect", "reference", reference, "error", err)
	return refuse.Internal(reference)
}

// refuse renders a refusal. Nothing else does that.
func (x *exchange) refuse(r *refuse.Refusal) {
	h := x.w.Header()
	if r.Allow != "" {
		h.Set("Allow", r.Allow)
	}
	if r.Challenge != "" {
		h.Set("WWW-Authenticate", r.Challenge)
	}
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((r.RetryAfter+time.Second-1)/time.Second)))
	}
	x.write(r.Status, outcome(r.Issues, r.Legacy))
}

// recover answers 500 for a panic, so that a defect costs one request, and no
// connection is closed without an answer.
func (a *API) recover(x *exchange) {
	p := recover()
	if p == nil || p == http.ErrAbortHandler {
		return
	}
	reference := uuid.NewString()
	// The panic's text may contain a part of a message, so only its place is logged.
	a.Log.ErrorContext(x.r.Context(), "panic", "reference", reference, "action", cmp.Or(string(x.route.action), x.route.name), "stack", string(debug.Stack()))
	a.finish(x, refuse.Internal(reference))
}
