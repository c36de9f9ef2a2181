package operator

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"
	"strings"

	"nems/internal/requestid"
	"nems/internal/spine"
)

// Prefix is the path that everything for operators lies under.
const Prefix = "/operator/"

const (
	// userHeader names the account that a command runs under.
	userHeader = "Nems-Operator"
	// maxRequest limits a request's body: a file of some 10,000 systems.
	maxRequest = 16 << 20
	// mostRequests are answered at a time; beyond it is TooMany.
	mostRequests = 32
)

// Handler offers a Desk under Prefix.
type Handler struct {
	// Desk does the work; who calls takes the place of its Caller.
	Desk Desk
	// Admit says who sends a request, or returns an Unauthenticated error.
	Admit func(*http.Request) (Caller, error)
	Log   *slog.Logger
}

// Mount adds the verbs, and their description, to a mux.
func (h Handler) Mount(mux *http.ServeMux) {
	room := make(chan struct{}, mostRequests)
	mux.HandleFunc("GET "+Prefix+"openapi.json", description)
	for _, a := range verbs {
		s := a.about()
		mux.HandleFunc(s.method+" "+Prefix+s.path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			r = r.WithContext(requestid.Give(r.Context(), w, r))
			if err := h.serve(room, a, w, r); err != nil {
				h.fail(r.Context(), w, a, err)
			}
		})
	}
}

// description answers with the OpenAPI document, which holds no secret.
func description(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(OpenAPI())
}

// serve has one request done, once it is known who sends it.
func (h Handler) serve(room chan struct{}, a act, w http.ResponseWriter, r *http.Request) (err error) {
	desk, s := h.Desk, a.about()
	if desk.Caller, err = h.Admit(r); err != nil {
		return err
	}
	desk.Request = requestid.ID(r.Context())
	select {
	case room <- struct{}{}:
		defer func() { <-room }()
	default:
		return &Error{Code: TooMany, Message: "too many requests of operators are being answered"}
	}
	request, answer := reflect.New(s.binding.request), reflect.New(s.answer)
	if err := desk.may(s.role); err != nil { // before its body is read
		return err
	}
	if err := s.binding.read(w, r, request.Interface()); err != nil {
		return err
	}
	if err := guarded(r.Context(), desk, a, request.Interface(), answer.Interface()); err != nil {
		return err
	}
	if s.answer == reflect.TypeFor[None]() {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer.Interface())
	return nil
}

// guarded asks the desk and makes an error of a panic, so that a defect costs one
// request and is answered.
func guarded(ctx context.Context, d Desk, a act, request, answer any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Code: Internal, Message: "a defect; the log tells more", cause: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	return d.ask(ctx, a, request, answer)
}

// fail answers with an error and logs those that are nobody's request.
func (h Handler) fail(ctx context.Context, w http.ResponseWriter, a act, err error) {
	e := asError(err)
	if e.Code == Internal {
		h.Log.ErrorContext(ctx, "operator request", "verb", a.about().name, "error", errors.Join(e, e.cause))
	}
	writeProblem(w, e)
}

// Bearer admits whoever shows a token, with all roles. They are called what the
// header Nems-Operator says, and what their client certificate does.
func Bearer(token string) func(*http.Request) (Caller, error) {
	want := sha256.Sum256([]byte(token))
	return func(r *http.Request) (Caller, error) {
		shown, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(shown))
		if !bearer || token == "" || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			return Caller{}, &Error{Code: Unauthenticated, Message: "the operator token is missing or not this service's"}
		}
		c := Caller{User: r.Header.Get(userHeader), Roles: AllRoles}
		if names := spine.PeerNames(r); len(names) > 0 {
			c.Certificate = names[0]
		}
		return c, nil
	}
}
