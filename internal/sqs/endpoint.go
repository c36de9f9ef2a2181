package sqs

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"

	"nems/internal/form"
	"nems/internal/guard"
	"nems/internal/store"
)

// Form is what a queue is sent.
type Form string

// The forms.
const (
	Signal  Form = "signal"  // which event happened and for which subscriptions; nothing about the patient
	MNS     Form = "mns"     // the signal of the MNS, which names the patient
	Message Form = "message" // the message, unchanged
)

// Endpoint is what is known of a queue that copies go to. A store keeps it as JSON.
// The embedded Target is the queue's URL or ARN and, where a subscription of the MNS
// brought it along, what that asked for.
type Endpoint struct {
	form.Target
	Form   Form   `json:"form,omitzero"` // of a queue that an operator registered; "" for the Target's
	Region string `json:"region,omitzero"`
	// Key names the access key that signs: a profile of the file of credentials.
	Key string `json:"key,omitzero"`
}

// Read reads what a store keeps.
func Read(s store.Endpoint) (e Endpoint, err error) {
	if err = json.Unmarshal(s.Value, &e); err != nil {
		err = fmt.Errorf("endpoint %s cannot be read: %w", s.Mailbox.ID, err)
	}
	return e, err
}

// Pack returns the endpoint as a store keeps it.
func (e Endpoint) Pack() []byte {
	b, _ := json.Marshal(e) // texts and times: cannot fail
	return b
}

// Address is where a queue is.
type Address struct {
	// Local is the name of a queue of this service, "" for others.
	Local string
	// URL is the queue's, Region the one that signatures are for, and Account whose
	// queue it is, as far as that can be seen.
	URL, Region, Account string
}

var (
	arn       = regexp.MustCompile(`^arn:aws:sqs:([a-z0-9-]{1,40}):(\d{12})?:([\w.-]{1,80})$`)
	amazon    = regexp.MustCompile(`^sqs\.([a-z0-9-]+)\.amazonaws\.com$`)
	queuePath = regexp.MustCompile(`^/(\d{12})/([\w.-]{1,80})$`)
	region    = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
)

// ParseAddress reads the URL or ARN of a queue. An account of zeros, or none, means
// this service's own queues. plain allows http, for networks of tests.
func ParseAddress(text, inRegion string, plain bool) (a Address, err error) {
	if inRegion != "" && !region.MatchString(inRegion) {
		return a, errors.New("expected a region such as eu-west-2")
	}
	if m := arn.FindStringSubmatch(text); m != nil {
		a = Address{Region: m[1], Account: m[2], URL: "https://sqs." + m[1] + ".amazonaws.com/" + m[2] + "/" + m[3]}
		if a.Account == "" || a.Account == account {
			a = Address{Local: m[3]}
		}
		return a, nil
	}
	if err := guard.CheckURL(text, plain); err != nil {
		return a, fmt.Errorf("expected the ARN of a queue, or its URL: %w", err)
	}
	u, _ := url.Parse(text) // CheckURL has
	path := queuePath.FindStringSubmatch(u.Path)
	if path == nil || u.RawQuery != "" {
		return a, errors.New("expected a URL that ends in the account and the name of the queue")
	}
	a = Address{URL: text, Region: inRegion, Account: path[1]}
	if m := amazon.FindStringSubmatch(u.Hostname()); m != nil && inRegion == "" {
		a.Region = m[1]
	}
	if a.Region == "" {
		a.Region = Region
	}
	return a, nil
}

// fifo reports whether a queue keeps an order.
func (a Address) fifo() bool { return strings.HasSuffix(a.URL, ".fifo") }

// server is where requests about the queue go.
func (a Address) server() string {
	u, _ := url.Parse(a.URL) // ParseAddress has
	return u.Scheme + "://" + u.Host + "/"
}
