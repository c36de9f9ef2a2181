package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/fhir"
	"nems/internal/refuse"
)

// batch creates and deletes many subscriptions (an extension).
func (a *API) batch(x *exchange) error {
	body, err := a.body(x, MaxBody)
	if err != nil {
		return err
	}
	steps, err := a.Broker.Batch(x.r.Context(), x.caller, body)
	if err != nil {
		return err
	}
	w := a.bundle("batch-response")
	for i := range steps {
		a.writeStep(w, x, &steps[i])
	}
	x.write(http.StatusOK, w.Bytes())
	return nil
}

// writeStep writes the outcome of one entry, and records it if it was refused.
// The broker has recorded what was done.
func (a *API) writeStep(w *fhir.Writer, x *exchange, step *broker.Step) {
	w.Open("entry").Open("response")
	defer func() { w.Close().Close() }()
	s := &step.Subscription
	if step.Err != nil {
		refusal := a.refusal(x.r.Context(), step.Err)
		w.Value("status", statusText(refusal.Status))
		w.Open("outcome").Raw(outcome(refusal.Issues, refusal.Legacy)).Close()
		a.recordStep(x, step, refusal)
		return
	}
	if step.Action == audit.ActionDelete {
		w.Value("status", statusText(http.StatusOK))
		return
	}
	w.Value("status", statusText(http.StatusCreated)).Value("location", x.location(s.ID))
	w.Value("etag", etag(*s)).Value("lastModified", s.Created.UTC().Format(time.RFC3339))
	if len(step.Notices) > 0 {
		w.Open("outcome").Raw(outcome(step.Notices, false)).Close()
	}
}

func (a *API) recordStep(x *exchange, step *broker.Step, refusal *refuse.Refusal) {
	e := broker.Entry(x.caller, step.Action)
	e.At, e.Status, e.Outcome = a.Now(), refusal.Status, string(refusal.Code())
	e.Patient, e.Mailbox = step.Subscription.Criteria.Patient, step.Subscription.Mailbox
	if step.Action == audit.ActionDelete && !step.Subscription.ID.IsZero() {
		e.Object = step.Subscription.ID.String()
	}
	a.Recorder.Record(e)
}

func statusText(status int) string { return fmt.Sprintf("%d %s", status, http.StatusText(status)) }

// bundle begins a Bundle of a type, with the current time.
func (a *API) bundle(kind string) *fhir.Writer {
	w := fhir.NewWriter("Bundle")
	w.Value("id", uuid.NewString())
	w.Open("meta").Value("lastUpdated", a.Now().UTC().Format(time.RFC3339)).Close()
	return w.Value("type", kind)
}
