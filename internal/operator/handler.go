package operator

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"nems/internal/nhs"
	"nems/internal/spine"
	"nems/internal/store"
)

// Prefix is the path that everything for operators lies under.
const Prefix = "/operator/"

// userHeader names the account that a command runs under.
const userHeader = "Nems-Operator"

// maxRequest limits a request's body: a file of some 10,000 systems.
const maxRequest = 16 << 20

// Handler offers a Desk under Prefix to whoever shows the token.
type Handler struct {
	Desk  Desk
	Token string
	Log   *slog.Logger
}

// Mount adds the routes to a mux.
func (h Handler) Mount(mux *http.ServeMux) {
	for pattern, serve := range map[string]func(Desk, http.ResponseWriter, *http.Request) error{
		"GET systems":                 listSystems,
		"POST systems":                putSystems,
		"GET systems/{asid}":          showSystem,
		"POST systems/{asid}/revoke":  revokeSystem,
		"GET mailboxes":               listMailboxes,
		"POST mailboxes":              putMailboxes,
		"POST workflows":              putWorkflows,
		"GET event-types":             listEventTypes,
		"PUT event-types/{code}":      setLifeCycle,
		"POST subscriptions/search":   searchSubscriptions,
		"POST subscriptions/approve":  approveSubscriptions,
		"POST deliveries/search":      searchDeliveries,
		"GET deliveries/{id}":         showDelivery,
		"POST deliveries/move/{move}": moveDeliveries,
		"POST quotas/search":          searchQuotas,
		"POST audit/search":           searchAudit,
		"POST audit/chain":            exportChain,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+Prefix+path, h.serve(serve))
	}
}

// serve lets in who shows the token, names the operator, and answers errors.
func (h Handler) serve(f func(Desk, http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if !h.admits(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			answer(w, http.StatusUnauthorized, problem{"the operator token is missing or not this service's"})
			return
		}
		desk := h.Desk
		desk.User = r.Header.Get(userHeader)
		if names := spine.PeerNames(r); len(names) > 0 {
			desk.Certificate = names[0]
		}
		if err := f(desk, w, r); err != nil {
			h.fail(w, err)
		}
	}
}

// admits compares the token in constant time.
func (h Handler) admits(r *http.Request) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(h.Token))
	return bearer && h.Token != "" && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// problem is the body of an answer that refuses.
type problem struct {
	Error string `json:"error"`
}

func (h Handler) fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, ErrInvalid):
		status = http.StatusUnprocessableEntity
	case errors.Is(err, store.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrUnknown), errors.Is(err, store.ErrClosed):
		status = http.StatusServiceUnavailable
	default:
		h.Log.Error("operator request", "error", err)
	}
	answer(w, status, problem{err.Error()})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// read decodes a request's body; a member that nobody knows is refused.
func read(w http.ResponseWriter, r *http.Request, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return invalid("the body cannot be read: %s", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return invalid("the body has something behind its end")
	}
	return nil
}

// show answers with a list.
func show[T any](w http.ResponseWriter, list func(context.Context) ([]T, error), r *http.Request) error {
	all, err := list(r.Context())
	if err == nil {
		answer(w, http.StatusOK, all)
	}
	return err
}

func listSystems(d Desk, w http.ResponseWriter, r *http.Request) error {
	return show(w, d.Systems, r)
}

func showSystem(d Desk, w http.ResponseWriter, r *http.Request) error {
	s, err := d.System(r.Context(), nhs.ASID(r.PathValue("asid")))
	if err == nil {
		answer(w, http.StatusOK, s)
	}
	return err
}

func putSystems(d Desk, w http.ResponseWriter, r *http.Request) error {
	var systems []spine.Registration
	return done(w, read(w, r, &systems), func() error { return d.PutSystems(r.Context(), systems) })
}

func revokeSystem(d Desk, w http.ResponseWriter, r *http.Request) error {
	return done(w, nil, func() error { return d.RevokeSystem(r.Context(), nhs.ASID(r.PathValue("asid"))) })
}

func listMailboxes(d Desk, w http.ResponseWriter, r *http.Request) error {
	return show(w, d.Mailboxes, r)
}

func putMailboxes(d Desk, w http.ResponseWriter, r *http.Request) error {
	var boxes []Mailbox
	return done(w, read(w, r, &boxes), func() error { return d.PutMailboxes(r.Context(), boxes) })
}

func listEventTypes(d Desk, w http.ResponseWriter, r *http.Request) error {
	return show(w, d.EventTypes, r)
}

func setLifeCycle(d Desk, w http.ResponseWriter, r *http.Request) error {
	var l LifeCycle
	return done(w, read(w, r, &l), func() error { return d.SetLifeCycle(r.Context(), r.PathValue("code"), l) })
}

func searchQuotas(d Desk, w http.ResponseWriter, r *http.Request) error {
	var f QuotaFilter
	if err := read(w, r, &f); err != nil {
		return err
	}
	return show(w, func(ctx context.Context) ([]QuotaUse, error) { return d.QuotaUses(ctx, f) }, r)
}

func searchSubscriptions(d Desk, w http.ResponseWriter, r *http.Request) error {
	var f SubscriptionFilter
	if err := read(w, r, &f); err != nil {
		return err
	}
	return stream(w, d.Subscriptions(r.Context(), f))
}

func approveSubscriptions(d Desk, w http.ResponseWriter, r *http.Request) error {
	var ids []string
	return done(w, read(w, r, &ids), func() error { return d.ApproveSubscriptions(r.Context(), ids) })
}

func searchAudit(d Desk, w http.ResponseWriter, r *http.Request) error {
	var f Filter
	if err := read(w, r, &f); err != nil {
		return err
	}
	return stream(w, d.Audit(r.Context(), f))
}

// span is the body of a request for the chain.
type span struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

func exportChain(d Desk, w http.ResponseWriter, r *http.Request) error {
	var s span
	if err := read(w, r, &s); err != nil {
		return err
	}
	return stream(w, d.Chain(r.Context(), s.From, s.To))
}

// done runs a change, unless its request could not be read, and answers that
// it is made.
func done(w http.ResponseWriter, err error, change func() error) error {
	if err == nil {
		err = change()
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// stream writes what comes as JSON lines. An error before the first line is
// answered; one after it breaks the connection off, so that nobody takes a part
// for the whole.
func stream[T any](w http.ResponseWriter, all iter.Seq2[T, error]) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines, started := json.NewEncoder(w), false
	for line, err := range all {
		if err != nil && started {
			panic(http.ErrAbortHandler)
		}
		if err != nil {
			return err
		}
		started = true
		if err := lines.Encode(line); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	return nil
}
