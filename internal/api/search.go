package api

import (
	"mime"
	"net/http"
	"net/url"

	"nems/internal/spine"
	"nems/internal/store"
	"nems/internal/subscription"
)

// search lists the caller's own subscriptions (an extension).
func (a *API) search(x *exchange) error {
	values, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return spine.BadRequest("search: expected name=value pairs with & between them and percent-encoding; received another form")
	}
	return a.searchFor(x, values)
}

// maxForm is how many bytes the form of a search may have.
const maxForm = 16 << 10

// searchForm is search with the parameters in the body (STU3, http.html,
// "search"): logs of URLs, on the way as well, then hold no NHS number.
func (a *API) searchForm(x *exchange) error {
	const form = "application/x-www-form-urlencoded"
	if media, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || media != form {
		return spine.UnsupportedMediaType("Content-Type HTTP Header: expected " + form + ", received another value")
	}
	body, err := a.body(x, maxForm)
	if err != nil {
		return err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil || x.r.URL.RawQuery != "" {
		return spine.BadRequest("search: expected name=value pairs with & between them and percent-encoding, all of them in the body; received another form")
	}
	return a.searchFor(x, values)
}

// searchFor answers a search with a page of a searchset Bundle.
func (a *API) searchFor(x *exchange, values url.Values) error {
	q, err := a.readSearch(x, values)
	if err != nil {
		return err
	}
	x.patient, x.eventType, x.mailbox = q.Patient, q.Event, q.Mailbox
	found, err := a.Broker.Search(x.r.Context(), x.caller, q)
	if err != nil {
		return err
	}
	links := map[string]string{"self": a.pageLink(x, q)}
	if found.More {
		q.After = found.Subscriptions[len(found.Subscriptions)-1].ID
		links["next"] = a.pageLink(x, q)
	}
	x.w.Header().Set("Cache-Control", "no-store")
	return x.resource(http.StatusOK, a.searchset(found.Subscriptions, links))
}

// readSearch reads what to search for: a cursor, which stands alone, or
// parameters.
func (a *API) readSearch(x *exchange, values url.Values) (store.SubscriptionQuery, error) {
	cursor, alone := values[pageCursor], len(values) == 1
	if len(cursor) == 0 {
		q, refusal := readQuery(values, false)
		if refusal != nil {
			return q, refusal
		}
		return q, nil
	}
	search, err := a.cursors.open(cursor[0], x.caller.ASID)
	if err == nil {
		values, err = url.ParseQuery(search)
	}
	if err != nil || len(cursor) > 1 || !alone {
		return store.SubscriptionQuery{}, spine.BadRequest("search: _cursor: expected what a link of a page holds, alone; received another value, one of another system or one from before the service was started: search again")
	}
	q, refusal := readQuery(values, true)
	if refusal != nil {
		return q, refusal
	}
	return q, nil
}

// pageLink is the address of a page.
func (a *API) pageLink(x *exchange, q store.SubscriptionQuery) string {
	return a.Base + "/STU3/Subscription?" + pageCursor + "=" + a.cursors.seal(writeQuery(q), x.caller.ASID)
}

// searchset writes the Bundle of a page. It has no total: to know it, every
// subscription would have to be read.
func (a *API) searchset(page []subscription.Subscription, links map[string]string) []byte {
	w := a.bundle("searchset")
	for _, relation := range []string{"self", "next"} {
		if links[relation] != "" {
			w.Open("link").Value("relation", relation).Value("url", links[relation]).Close()
		}
	}
	for _, s := range page {
		w.Open("entry").Value("fullUrl", a.fullURL(s.ID))
		w.Open("resource").Raw(subscription.WriteXML(s)).Close()
		w.Open("search").Value("mode", "match").Close()
		w.Close()
	}
	return w.Bytes()
}
