package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"nems/internal/access"
	"nems/internal/fhir"
	"nems/internal/jwt"
)

// Query selects subscriptions of the caller's organisation; empty fields select all.
// Of several values one must match.
type Query struct {
	Patients  []string // NHS numbers
	Events    []string // event codes
	Mailboxes []string
	Statuses  []string // requested, active, off
	// Page is how many are asked for at a time; 0 means as many as the service
	// thinks right.
	Page int
}

const nhsNumberSystem = "https://fhir.nhs.uk/Id/nhs-number"

func (q Query) form() url.Values {
	form := url.Values{}
	add := func(name string, values []string) {
		if len(values) > 0 {
			form.Set(name, strings.Join(values, ","))
		}
	}
	patients := make([]string, len(q.Patients))
	for i, n := range q.Patients {
		patients[i] = nhsNumberSystem + "|" + n
	}
	add("patient", patients)
	add("event", q.Events)
	add("mailbox", q.Mailboxes)
	add("status", q.Statuses)
	if q.Page > 0 {
		form.Set("_count", strconv.Itoa(q.Page))
	}
	return form
}

// Subscriptions yields the caller's subscriptions that a query selects, oldest
// first, a page at a time. After an error nothing follows. Patients travel in the
// body, never in a URL. This is an extension of this NEMS.
func (c *Client) Subscriptions(ctx context.Context, q Query) iter.Seq2[Subscription, error] {
	return func(yield func(Subscription, error) bool) {
		next := call{
			method: http.MethodPost, path: "/STU3/Subscription/_search", contentType: "application/x-www-form-urlencoded",
			interaction: access.ReadInteraction, scope: jwt.ScopeRead, body: []byte(q.form().Encode()),
		}
		for next.path != "" {
			page, err := c.page(ctx, &next)
			if err != nil {
				yield(Subscription{}, err)
				return
			}
			for _, s := range page {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// page reads a page of a search, and makes the call for the one behind it; its path
// is "" behind the last.
func (c *Client) page(ctx context.Context, next *call) (page []Subscription, err error) {
	_, body, err := c.do(ctx, *next)
	if err != nil {
		return nil, err
	}
	doc, _, err := fhir.ParseXML(body)
	if err != nil {
		return nil, err
	}
	*next = call{method: http.MethodGet, interaction: access.ReadInteraction, scope: jwt.ScopeRead}
	for link := range doc.Root().ChildrenNamed("link") {
		if link.Child("relation").Value() != "next" {
			continue
		}
		// The client's own URL is how it reaches the service, whatever that calls itself.
		_, path, found := strings.Cut(link.Child("url").Value(), "/STU3/")
		if !found {
			return nil, fmt.Errorf("the link to the next page: expected an address below /STU3/; received another")
		}
		next.path = "/STU3/" + path
	}
	for entry := range doc.Root().ChildrenNamed("entry") {
		if r := entry.At("resource", "Subscription"); r.Name() != "" {
			page = append(page, read(r))
		}
	}
	return page, nil
}
