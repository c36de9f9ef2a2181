package r4

import (
	"net/http"
	"slices"
	"strings"

	"nems/internal/form"
	"nems/internal/refuse"
	"nems/internal/store"
)

// status answers $status: of one subscription, or of the organisation's that were
// made here (OperationDefinition backport-subscription-status).
func (a *API) status(x *exchange) error {
	in, err := x.input("id status", "id", "status", "_after")
	if err != nil {
		return err
	}
	found, next, path := []held{}, "", "/Subscription/$status"
	if x.object != "" {
		h, err := a.find(x.r.Context(), x, x.object)
		if err != nil {
			return err
		}
		found, path = append(found, h), "/Subscription/"+x.object+"/$status" // both parameters are ignored
	} else {
		q, refusal := statusQuery(in)
		if refusal != nil {
			return refusal
		}
		if found, next, err = a.select4(x, q); err != nil {
			return err
		}
	}
	out := bundleJSON{ResourceType: "Bundle", Type: "searchset", Link: x.links(path, in.Values, next)}
	for _, h := range found {
		counted, err := a.Broker.Status(x.r.Context(), x.caller, h.ID.String())
		if err != nil {
			return err
		}
		n := a.notification(x, h, form.QueryStatus, counted.Counting)
		out.Entry = append(out.Entry, entryJSON{x.base + "/Subscription/" + h.ID.String() + "/$status", n.StatusParameters(), searchJSON{"match"}})
	}
	return x.show(http.StatusOK, out)
}

// statusQuery reads which subscriptions are meant.
func statusQuery(in input) (query, *refuse.Refusal) {
	values := in.Values
	q := query{ids: values["id"], count: pageSize}
	for _, given := range values["status"] {
		q.statuses = append(q.statuses, strings.Split(given, ",")...)
	}
	for _, s := range q.statuses {
		if !slices.Contains([]string{requested, active, failed, off}, s) {
			return q, refuse.BadRequest("status: expected requested, active, error or off; received " + refuse.Show(s))
		}
	}
	more, refusal := readQuery(map[string][]string{"_after": {values.Get("_after")}})
	if values.Has("_after") {
		q.after = more.after
		return q, refusal
	}
	return q, nil
}

// notification says what a subscription is.
func (a *API) notification(x *exchange, h held, kind form.NotificationType, c store.Counting) form.Notification {
	return form.Notification{Base: x.base, Subscription: h.ID.String(), Topic: h.topic(), Status: h.state(), Type: kind,
		Content: h.hook.RestHook.Content, Total: c.Last, Error: h.trouble(), At: a.Now()}
}
