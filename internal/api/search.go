package api

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"nems/internal/broker"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// search lists the caller's own subscriptions (an extension).
func (a *API) search(x *exchange) error {
	values, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return refuse.BadRequest("search: expected name=value pairs with & between them and percent-encoding; received another form")
	}
	_, _ = readView(values) // already read as a view
	return a.searchFor(x, values)
}

// maxForm is the largest size of a search form, in bytes.
const maxForm = 16 << 10

// searchForm is search with the parameters in the body (STU3, http.html,
// "search"), so that no URL in a log on the way contains an NHS number.
func (a *API) searchForm(x *exchange) error {
	const form = "application/x-www-form-urlencoded"
	if media, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || media != form {
		return refuse.UnsupportedMediaType("Content-Type HTTP Header: expected " + form + ", received another value")
	}
	body, err := a.body(x, maxForm)
	if err != nil {
		return err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil || x.queried {
		return refuse.BadRequest("search: expected name=value pairs with & between them and percent-encoding, all of them in the body; received another form")
	}
	if refusal := x.lookAgain(values); refusal != nil {
		return refusal
	}
	return a.searchFor(x, values)
}

// searchFor answers a search with a page of a searchset Bundle, or with the
// total.
func (a *API) searchFor(x *exchange, values url.Values) error {
	q, err := a.readSearch(x, values)
	if err != nil {
		return err
	}
	x.patients, x.eventType, x.mailbox = q.Patients, strings.Join(q.Events, ","), strings.Join(q.Mailboxes, ",")
	x.w.Header().Set("Cache-Control", "no-store")
	if q.Max == 0 || x.view.summary == countOnly {
		return a.count(x, q)
	}
	found, err := a.Broker.Search(x.r.Context(), x.caller, q)
	if err != nil {
		return err
	}
	links := map[string]string{"self": a.pageLink(x, q)}
	if found.More {
		q.After = found.Subscriptions[len(found.Subscriptions)-1].ID
		links["next"] = a.pageLink(x, q)
	}
	x.write(http.StatusOK, a.searchset(x, found.Subscriptions, links))
	return nil
}

// count answers a search with its total only (STU3, search.html, "Page Count").
func (a *API) count(x *exchange, q store.SubscriptionQuery) error {
	q.Max, q.After = 0, subscription.ID{}
	count, err := a.Broker.Count(x.r.Context(), x.caller, q)
	if err != nil {
		return err
	}
	w := a.bundle("searchset").Value("total", strconv.Itoa(count.N))
	w.Open("link").Value("relation", "self").Value("url", a.pageLink(x, q)).Close()
	if count.AtLeast {
		w.Open("entry").Open("resource").Raw(outcome([]refuse.Issue{refuse.CountedInPart(broker.MaxCounted)}, false)).Close()
		w.Open("search").Value("mode", "outcome").Close().Close()
	}
	x.write(http.StatusOK, w.Bytes())
	return nil
}

// readSearch reads what to search for: a cursor alone, or parameters.
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
		return store.SubscriptionQuery{}, refuse.BadRequest("search: _cursor: expected what a link of a page holds, alone; received another value, one of another system or one from before the service was started: search again")
	}
	q, refusal := readQuery(values, true)
	if refusal != nil {
		return q, refusal
	}
	return q, nil
}

// pageLink returns the address of a page with the same view as this one.
func (a *API) pageLink(x *exchange, q store.SubscriptionQuery) string {
	values := url.Values{pageCursor: {a.cursors.seal(writeQuery(q), x.caller.ASID)}}
	x.view.write(values)
	return x.base + "/STU3/Subscription?" + values.Encode()
}

// searchset writes the Bundle of a page. It has no total, because counting
// would need to read every subscription.
func (a *API) searchset(x *exchange, page []subscription.Subscription, links map[string]string) []byte {
	w := a.bundle("searchset")
	for _, relation := range []string{"self", "next"} {
		if links[relation] != "" {
			w.Open("link").Value("relation", relation).Value("url", links[relation]).Close()
		}
	}
	for _, s := range page {
		w.Open("entry").Value("fullUrl", x.location(s.ID))
		w.Open("resource").Raw(x.view.summary.of(subscription.WriteXML(s))).Close()
		w.Open("search").Value("mode", "match").Close()
		w.Close()
	}
	return w.Bytes()
}
