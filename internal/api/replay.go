package api

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"nems/internal/access"
	"nems/internal/fhir"
	"nems/internal/refuse"
	"nems/internal/replay"
	"nems/internal/store"
)

// maxParameters is the largest body of $replay in bytes.
const maxParameters = 16 << 10

// replay starts a replay of a subscription's events (extension, decision 45). It
// answers as soon as the replay is on disk; $replay-status tells of the rest.
func (a *API) replay(x *exchange) error {
	wish, dry, err := a.readWish(x)
	if err != nil {
		return err
	}
	x.w.Header().Set("Cache-Control", "no-store")
	if dry {
		tally, err := a.Broker.TryReplay(x.r.Context(), x.caller, x.object, wish)
		if err != nil {
			return err
		}
		return x.show(writeTally(tally))
	}
	started, err := a.Broker.Replay(x.r.Context(), x.caller, x.object, wish)
	if err != nil {
		return err
	}
	x.recorded = true
	x.w.Header().Set("Location", x.base+"/STU3/Subscription/"+x.object+"/$replay-status?id="+started.ID)
	x.write(http.StatusAccepted, writeReplays([]store.Replay{started}))
	return nil
}

// readWish reads a Parameters resource whose parameters have the names of the
// fields of replay.Wish.
func (a *API) readWish(x *exchange) (w replay.Wish, dry bool, err error) {
	body, err := a.body(x, maxParameters)
	if err != nil {
		return w, false, err
	}
	if x.caller.Body.Format == access.JSON {
		if body, _, err = fhir.JSONToXML(body); err != nil {
			return w, false, refuse.MessageNotWellFormed("the body is not JSON")
		}
	}
	doc, _, err := fhir.ParseXML(body)
	if err != nil {
		return w, false, refuse.MessageNotWellFormed("the body is not XML")
	}
	if doc.Root().Name() != "Parameters" {
		return w, false, refuse.BadRequest("$replay: expected a Parameters resource; received another one")
	}
	w.From = replay.Oldest
	for p := range doc.Root().ChildrenNamed("parameter") {
		value := anyValue(p)
		switch name := p.Child("name").Value(); name {
		case "from":
			w.From = value
		case "until":
			w.Until = value
		case "mode":
			w.Mode = store.ReplayMode(value)
		case "to":
			w.To = value
		case "basis":
			w.Basis = value
		case "rate":
			if w.Rate, err = strconv.Atoi(value); err != nil {
				return w, false, refuse.BadRequest("rate: expected a whole number; received another value")
			}
		case "dry-run":
			dry = value == "true"
		default:
			return w, false, refuse.BadRequest("$replay: expected the parameters from, until, mode, to, rate, basis and dry-run; received another one")
		}
	}
	return w, dry, nil
}

// anyValue is the value of a parameter, whatever its type.
func anyValue(p fhir.Node) string {
	for _, name := range []string{"valueString", "valueCode", "valueInstant", "valueDateTime", "valueInteger", "valueUnsignedInt", "valuePositiveInt", "valueBoolean"} {
		if v := p.Child(name); v.Exists() {
			return v.Value()
		}
	}
	return ""
}

// replayStatus tells how far the replays of a subscription have come, the newest first.
func (a *API) replayStatus(x *exchange) error {
	id, refusal := replayIn(x.r.URL)
	if refusal != nil {
		return refusal
	}
	found, err := a.Broker.ReplayStatus(x.r.Context(), x.caller, x.object, id)
	if err != nil {
		return err
	}
	x.w.Header().Set("Cache-Control", "no-store")
	return x.show(writeReplays(found))
}

// cancelReplay cancels one.
func (a *API) cancelReplay(x *exchange) error {
	id, refusal := replayIn(x.r.URL)
	if refusal != nil {
		return refusal
	}
	if err := a.Broker.CancelReplay(x.r.Context(), x.caller, x.object, id); err != nil {
		return err
	}
	x.recorded = true
	return x.empty(http.StatusOK)
}

// replayIn reads the parameter id.
func replayIn(u *url.URL) (string, *refuse.Refusal) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", refuse.BadRequest("the query of the URL cannot be read")
	}
	_, _ = readView(values) // it was checked before
	given := values["id"]
	if len(values) > 1 || len(values) == 1 && len(given) != 1 {
		return "", refuse.BadRequest("id: expected the id of a replay once, and no other parameter")
	}
	if len(given) == 0 {
		return "", nil
	}
	return given[0], nil
}

// writeReplays writes a Parameters resource.
func writeReplays(all []store.Replay) []byte {
	w := fhir.NewWriter("Parameters")
	for _, r := range all {
		w.Open("parameter").Value("name", "replay")
		part := func(name, kind, value string) { w.Open("part").Value("name", name).Value(kind, value).Close() }
		number := func(name string, n int64) { part(name, "valueUnsignedInt", strconv.FormatInt(n, 10)) }
		part("id", "valueString", r.ID)
		part("state", "valueCode", string(r.State))
		part("mode", "valueCode", string(r.Mode))
		number("rate", int64(r.Rate))
		number("of", r.Counts.Of)
		number("sent", r.Counts.Sent)
		// What was withheld is not told apart: it would tell of flags (decision 13).
		number("not-sent", r.Counts.Withheld+r.Counts.Expired+r.Counts.Passed)
		part("basis", "valueString", r.Basis)
		part("began", "valueInstant", r.Began.UTC().Format(time.RFC3339Nano))
		if !r.Ended.IsZero() {
			part("ended", "valueInstant", r.Ended.UTC().Format(time.RFC3339Nano))
		}
		if r.Reason != "" {
			part("reason", "valueString", r.Reason)
		}
		w.Close()
	}
	return w.Bytes()
}

// writeTally writes what a dry run tells.
func writeTally(t replay.Tally) []byte {
	w := fhir.NewWriter("Parameters")
	w.Open("parameter").Value("name", "total").Value("valueUnsignedInt", strconv.FormatInt(t.Total, 10)).Close()
	w.Open("parameter").Value("name", "waiting").Value("valueUnsignedInt", strconv.FormatInt(t.Waiting, 10)).Close()
	for _, day := range t.Days {
		w.Open("parameter").Value("name", "day")
		w.Open("part").Value("name", "date").Value("valueDate", day.Date).Close()
		w.Open("part").Value("name", "event-type").Value("valueCode", day.Code).Close()
		w.Open("part").Value("name", "copies").Value("valueUnsignedInt", strconv.FormatInt(day.Copies, 10)).Close()
		w.Open("part").Value("name", "waiting").Value("valueUnsignedInt", strconv.FormatInt(day.Waiting, 10)).Close()
		w.Close()
	}
	return w.Bytes()
}
