package mailbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"nems/internal/mesh"
	"nems/internal/store"
	"nems/internal/wire"
)

// answer remembers whether the response has begun.
type answer struct {
	http.ResponseWriter
	status int // 0 until it began
	begins func(status int)
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
		a.begins(status)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// json answers with a value.
func (c *call) json(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing an answer: %w", err)
	}
	c.write(status, c.version.MediaType(), body)
	return nil
}

func (c *call) write(status int, media string, body []byte) {
	h := c.w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // a client that has gone cannot be told
}

// empty answers 200 without a body, as version 2 often does.
func (c *call) empty() error {
	c.w.Header().Set("Content-Type", c.version.MediaType())
	c.w.Header().Set("Content-Length", "0")
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// invalid says that a parameter breaks its schema. It is answered 400 with the
// API's HTTPValidationError, which is the same in both versions.
type invalid struct {
	In      string // path, query or header
	Name    string
	Message string
}

func (i invalid) Error() string { return i.In + " " + i.Name + ": " + i.Message }

type validationDetail struct {
	Location []string `json:"loc"`
	Message  string   `json:"msg"`
	Type     string   `json:"type"`
}

func (i invalid) body() []byte {
	body, err := json.Marshal(map[string][]validationDetail{
		"detail": {{[]string{i.In, i.Name}, i.Message, "value_error"}},
	})
	if err != nil { // cannot fail, because there are only strings
		return []byte(`{"detail":[]}`)
	}
	return body
}

// defect is a panic that was caught.
type defect struct{ value any }

func (d defect) Error() string { return fmt.Sprintf("panic: %v", d.value) }

// fail writes the answer for any error; nothing else does that.
func (c *call) fail(err error) {
	if c.w.status != 0 {
		// The answer has begun, so only closing the connection tells the client
		// that it is incomplete.
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.turnAway(SlowTaker)
		}
		level := slog.LevelWarn
		if c.r.Context().Err() != nil { // the client broke it off, which may happen often
			level = slog.LevelDebug
		}
		c.Logger.Log(c.r.Context(), level, "mesh answer broken off", "endpoint", c.name, "error", err)
		panic(http.ErrAbortHandler)
	}
	if !c.body.Whole && wire.AnswerEarly(c.w, c.r, c.reading) {
		c.w.Header().Set("Connection", "close")
		defer c.linger()
	}
	if errors.As(err, new(*store.QuotaError)) {
		c.w.Header().Set("Retry-After", retryFull)
		err = mesh.MailboxFull
	}
	c.outcome = outcomeOf(err)
	var refusal *mesh.Error
	var parameter invalid
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &parameter):
		c.write(http.StatusBadRequest, mesh.MediaJSON, parameter.body())
	case errors.As(err, &tooLarge):
		c.refuse(mesh.TooLarge, "")
	case errors.As(err, &refusal):
		c.refuse(refusal, "")
	case store.Temporary(err):
		c.refuse(mesh.Unavailable, "")
	default:
		id := reference()
		attributes := []any{"endpoint", c.name, "reference", id, "error", err}
		if errors.As(err, &defect{}) {
			attributes = append(attributes, "stack", string(debug.Stack()))
		}
		c.Logger.ErrorContext(c.r.Context(), "mesh request failed", attributes...)
		c.refuse(mesh.Internal.With(mesh.Internal.Description+", reference "+id), id)
	}
}

// retryFull is how many seconds a sender should wait before it tries a full
// mailbox again. Receivers look into theirs every five minutes at most (MESH API).
const retryFull = "300"

// strangerBody is how much of a refused body is read and discarded for a caller
// without a valid token. lingerMost limits the time for this, for any caller.
const (
	strangerBody = 1 << 20
	lingerMost   = 2 * time.Minute
)

// linger reads and discards the rest of a refused body, after the answer was sent.
func (c *call) linger() {
	most := int64(strangerBody)
	if c.box.Row != 0 {
		most += c.MaxChunk
	}
	wire.Linger(c.w, c.r, most, lingerMost)
}

func (c *call) refuse(e *mesh.Error, reference string) {
	switch e.Status {
	case http.StatusMethodNotAllowed:
		c.w.Header().Set("Allow", methods(c.r.URL, c.Dev))
	case http.StatusServiceUnavailable:
		c.w.Header().Set("Retry-After", "1")
	}
	c.write(e.Status, c.version.MediaType(), e.Body(c.version, reference))
}
