package r4

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

type (
	bundleJSON struct {
		ResourceType string      `json:"resourceType"`
		Type         string      `json:"type"`
		Link         []linkJSON  `json:"link,omitempty"`
		Entry        []entryJSON `json:"entry,omitempty"`
	}
	linkJSON struct {
		Relation string `json:"relation"`
		URL      string `json:"url"`
	}
	entryJSON struct {
		FullURL  string     `json:"fullUrl"`
		Resource any        `json:"resource"`
		Search   searchJSON `json:"search"`
	}
	searchJSON struct {
		Mode string `json:"mode"`
	}
)

const (
	pageSize = 100
	// pageEffort is how many subscriptions a page looks at.
	pageEffort = 1000
)

// query is what subscriptions are searched by. Each list may have several values, any
// of which may fit.
type query struct {
	ids, statuses, urls, topics []string
	after                       subscription.ID
	count                       int
}

// search finds subscriptions of the caller's organisation that were made here.
func (a *API) search(x *exchange) error {
	values, err := x.values()
	if err != nil {
		return err
	}
	q, refusal := readQuery(values)
	if refusal != nil {
		return refusal
	}
	found, next, err := a.select4(x, q)
	if err != nil {
		return err
	}
	out := bundleJSON{ResourceType: "Bundle", Type: "searchset", Link: x.links("/Subscription", values, next)}
	for _, h := range found {
		out.Entry = append(out.Entry, entryJSON{x.base + "/Subscription/" + h.ID.String(), resourceOf(h), searchJSON{"match"}})
	}
	return x.show(http.StatusOK, out)
}

// links are those of a page, and where the next one goes on.
func (x *exchange) links(path string, values url.Values, next string) []linkJSON {
	link := func() string {
		if len(values) == 0 {
			return x.base + path
		}
		return x.base + path + "?" + values.Encode()
	}
	out := []linkJSON{{"self", link()}}
	if next != "" {
		values.Set("_after", next)
		out = append(out, linkJSON{"next", link()})
	}
	return out
}

// values reads the parameters of the URL, and those of a form.
func (x *exchange) values() (url.Values, error) {
	values, err := url.ParseQuery(x.r.URL.RawQuery)
	if err == nil && x.r.Method == http.MethodPost {
		body, failed := x.body()
		if failed != nil {
			return nil, failed
		}
		var form url.Values
		if form, err = url.ParseQuery(string(body)); err == nil {
			for name, more := range form {
				values[name] = append(values[name], more...)
			}
		}
	}
	if err != nil {
		return nil, refuse.BadRequest("the parameters cannot be read")
	}
	delete(values, "_format")
	return values, nil
}

// readQuery reads the parameters of a search.
func readQuery(values url.Values) (q query, refusal *refuse.Refusal) {
	q.count = pageSize
	for name, given := range values {
		listed := strings.Split(strings.Join(given, ","), ",")
		switch name {
		case "_id":
			q.ids = listed
		case "status":
			q.statuses = listed
		case "url":
			q.urls = given // a URL may hold commas
		case "topic", "criteria":
			q.topics = append(q.topics, listed...)
		case "_count":
			n, err := strconv.Atoi(given[0])
			if err != nil || n < 1 || len(given) > 1 {
				return q, refuse.BadRequest("_count: expected a whole number from 1; received another value")
			}
			q.count = min(n, pageSize)
		case "_after":
			id, err := subscription.ParseID(given[0])
			if err != nil || len(given) > 1 {
				return q, refuse.BadRequest("_after: expected what a link of a page holds; received another value")
			}
			q.after = id
		default:
			return q, refuse.BadRequest("search: expected the parameters _id, status, url, topic, criteria, _count or none; received " + refuse.Show(name))
		}
	}
	return q, nil
}

// select4 returns a page of what a query selects. A page that has looked at enough
// ends early, even empty.
func (a *API) select4(x *exchange, q query) (out []held, next string, err error) {
	if len(q.ids) > 0 {
		out, err = a.named(x, q)
		return out, "", err
	}
	ctx := x.r.Context()
	by := store.SubscriptionQuery{After: q.after, Max: pageSize}
	for _, t := range q.topics {
		code, _ := strings.CutPrefix(t, topicBase)
		by.Events = append(by.Events, code)
	}
	for looked := 0; looked < pageEffort; {
		page, err := a.Broker.Search(ctx, x.caller, by)
		if err != nil {
			return nil, "", err
		}
		for _, s := range page.Subscriptions {
			looked++
			by.After = s.ID
			if !ours4(s.Mailbox) {
				continue
			}
			h, err := a.held(ctx, s)
			if err != nil {
				return nil, "", err
			}
			if q.selects(h) {
				out = append(out, h)
			}
			if len(out) == q.count {
				return out, by.After.String(), nil
			}
		}
		if !page.More {
			return out, "", nil
		}
	}
	return out, by.After.String(), nil
}

// named returns those of the ids of a query that it selects. An id of nobody's, or of
// another organisation's, selects nothing.
func (a *API) named(x *exchange, q query) (out []held, err error) {
	if len(q.ids) > pageSize {
		return nil, refuse.BadRequest("expected at most " + strconv.Itoa(pageSize) + " ids; received " + strconv.Itoa(len(q.ids)))
	}
	for _, id := range q.ids {
		h, err := a.find(x.r.Context(), x, id)
		var refusal *refuse.Refusal
		switch {
		case errors.As(err, &refusal):
		case err != nil:
			return nil, err
		case q.selects(h):
			out = append(out, h)
		}
	}
	return out, nil
}

func (q query) selects(h held) bool {
	fits := func(values []string, value string) bool { return len(values) == 0 || slices.Contains(values, value) }
	return fits(q.ids, h.ID.String()) && fits(q.statuses, h.state()) && fits(q.urls, h.hook.URL) && fits(q.topics, h.topic())
}
