package mesh

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/plain"
)

// ClientConfig says which mailbox of which MESH a Client works for.
type ClientConfig struct {
	// URL is the MESH's address, without "/messageexchange".
	URL string
	// Mailbox, Password and SharedKey are used to sign the token.
	Mailbox   string
	Password  string
	SharedKey []byte
	// TLS holds the client certificate and the roots; nil means the system's.
	// It is not used when Transport is set.
	TLS *tls.Config
	// Transport carries the requests; nil means that the client makes its own.
	Transport http.RoundTripper
	// Around is put around the transport, such as for tracing; nil for nothing.
	Around func(http.RoundTripper) http.RoundTripper
	// Now is the clock used for tokens; nil means time.Now.
	Now func() time.Time
	// Version is the requested API version; 0 means 2.
	Version Version
	// Software is sent as User-Agent and client version; "" means "nems".
	Software string
	// ChunkSize is the largest number of bytes in one request before
	// compression; 0 means 75 MiB, as in the NHS's client.
	ChunkSize int64
}

const defaultChunk = 75 << 20

// answerWithin is how long the MESH may take to answer after it has received
// the whole request. On a dead connection nothing else would end the wait.
const answerWithin = 30 * time.Second

// Client makes the calls of one mailbox. Safe for concurrent use. It does not
// retry. An error is an *Error, or wraps net or context errors; Temporary says
// whether to try again.
type Client struct {
	config ClientConfig
	base   string
	http   *http.Client
	signer *Signer
}

// NewClient returns a Client. It fails only when the URL cannot be used.
func NewClient(c ClientConfig) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("MESH address %q: not an http or https URL", c.URL)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Version == 0 {
		c.Version = V2
	}
	if c.Software == "" {
		c.Software = "nems"
	}
	if c.ChunkSize <= 0 {
		c.ChunkSize = defaultChunk
	}
	if c.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = c.TLS
		t.MaxIdleConnsPerHost = 64 // lanes run in parallel against one host
		t.DisableCompression = true
		t.ResponseHeaderTimeout = answerWithin
		t.MaxResponseHeaderBytes = maxHead
		c.Transport = t
	}
	if c.Around != nil {
		c.Transport = c.Around(c.Transport)
	}
	return &Client{
		config: c, base: strings.TrimRight(u.String(), "/") + "/messageexchange",
		http:   &http.Client{Transport: c.Transport, CheckRedirect: noRedirect},
		signer: NewSigner(c.Mailbox, c.Password, c.SharedKey),
	}, nil
}

// noRedirect follows no redirects: a token must not go to another address, and 300 is an answer of
// its own.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close closes the idle connections. The client can still be used afterwards.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Temporary reports whether an error of a Client may go away by itself: a
// temporary *Error, or no answer at all.
func Temporary(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Temporary()
	}
	return err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ErrMessageID)
}

// mailboxPath returns the path of the client's mailbox followed by rest.
func (c *Client) mailboxPath(rest ...string) string {
	return c.path(append([]string{strings.ToUpper(c.config.Mailbox)}, rest...)...)
}

func (c *Client) path(segments ...string) string {
	var b strings.Builder
	b.WriteString(c.base)
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

func (c *Client) request(ctx context.Context, method, target string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("MESH request: %w", err)
	}
	r.Header.Set("Authorization", c.signer.Token(c.config.Now()))
	accept := MediaV2
	if c.config.Version == V1 {
		accept = MediaV1
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", c.config.Software)
	return r, nil
}

// do sends a request and returns the answer if it has one of the given
// statuses. Otherwise it closes the answer and returns an *Error.
func (c *Client) do(r *http.Request, statuses ...int) (*http.Response, error) {
	answer, err := c.http.Do(r)
	if err != nil { // the error may quote what the other side sent
		return nil, plain.Error(fmt.Errorf("MESH does not answer: %w", err), mostText)
	}
	if err := checkHead(answer.Header); err != nil {
		answer.Body.Close()
		return nil, err
	}
	for _, s := range statuses {
		if answer.StatusCode == s {
			return answer, nil
		}
	}
	defer answer.Body.Close()
	body, err := readAtMost(answer.Body, maxFault)
	if err != nil {
		body = nil // the status alone says enough
	}
	return nil, ReadError(answer.StatusCode, body)
}

// call sends a request without a body. It decodes the JSON of a 200 answer into
// out, unless out is nil.
func (c *Client) call(ctx context.Context, method, target string, out any) error {
	return c.callFor(ctx, method, target, maxAnswer, out)
}

// callFor is call with a limit on the bytes of JSON.
func (c *Client) callFor(ctx context.Context, method, target string, most int64, out any) error {
	r, err := c.request(ctx, method, target, nil)
	if err != nil {
		return err
	}
	answer, err := c.do(r, http.StatusOK)
	if err != nil {
		return err
	}
	return readJSON(answer, most, out)
}

func readJSON(answer *http.Response, most int64, out any) error {
	defer answer.Body.Close()
	if out == nil {
		_, err := io.CopyN(io.Discard, answer.Body, maxFault)
		if err == nil || errors.Is(err, io.EOF) { // a longer body stays unread on the connection
			return nil
		}
		return plain.Error(fmt.Errorf("MESH's answer broke off: %w", err), mostText)
	}
	body, err := readAtMost(answer.Body, most)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return plain.Error(fmt.Errorf("%w: %w", errNotJSON, err), mostText)
	}
	return nil
}

// Handshake validates the mailbox, as a client should do once a day.
func (c *Client) Handshake(ctx context.Context) error {
	r, err := c.request(ctx, http.MethodPost, c.mailboxPath(), nil)
	if err != nil {
		return err
	}
	r.Header[HeaderClientVersion] = []string{c.config.Software}
	r.Header[HeaderOSName] = []string{runtime.GOOS}
	r.Header[HeaderOSVersion] = []string{runtime.GOARCH}
	answer, err := c.do(r, http.StatusOK)
	if err != nil {
		return err
	}
	return readJSON(answer, 0, nil)
}

// ListQuery selects a page of the inbox. The zero value selects the first 500 messages.
type ListQuery struct {
	Max      int    // 10 to 5,000; 0 is the server's default
	Continue string // Inbox.Next of the previous page
	Workflow WorkflowFilter
}

// Inbox is a page of message ids, oldest first.
type Inbox struct {
	Messages []string
	Strange  int    // how many ids were left out because no message can have them
	Next     string // continues the list; "" at its end
	Count    int    // approximate count of the whole inbox; 0 in version 1
}

// List returns a page of the inbox, at most MaxPage ids. Further messages appear
// after these are acknowledged. Version 1 names no next page: there the last
// message id of a full page continues the list.
func (c *Client) List(ctx context.Context, q ListQuery) (Inbox, error) {
	v := url.Values{}
	if q.Max > 0 {
		v.Set("max_results", strconv.Itoa(q.Max))
	}
	if q.Continue != "" {
		v.Set("continue_from", q.Continue)
	}
	if q.Workflow != (WorkflowFilter{}) {
		v.Set("workflow_filter", q.Workflow.String())
	}
	target := c.mailboxPath("inbox")
	if len(v) > 0 {
		target += "?" + v.Encode()
	}
	var page inboxAnswer
	if err := c.callFor(ctx, http.MethodGet, target, maxPage, &page); err != nil {
		return Inbox{}, err
	}
	in, err := page.inbox()
	if err != nil {
		return Inbox{}, err
	}
	full := q.Max
	if full == 0 {
		full = DefaultPage
	}
	if n := len(in.Messages); c.config.Version == V1 && n > 0 && n+in.Strange >= full {
		in.Next = in.Messages[n-1]
	}
	return in, nil
}

type inboxAnswer struct {
	Messages json.RawMessage `json:"messages"`
	Links    struct {
		Next string `json:"next"`
	} `json:"links"`
	Count int `json:"approx_inbox_count"`
}

func (a inboxAnswer) inbox() (Inbox, error) {
	ids, _, err := elements[string](a.Messages, MaxPage)
	if err != nil {
		return Inbox{}, err
	}
	listed := len(ids)
	ids = slices.DeleteFunc(ids, func(id string) bool { return !IsMessageID(id) })
	in := Inbox{Messages: ids, Strange: listed - len(ids), Count: max(a.Count, 0)}
	if next, err := url.Parse(a.Links.Next); err == nil {
		in.Next = next.Query().Get("continue_from")
	}
	if len(in.Next) > mostNext {
		in.Next = "" // no MESH writes such a value, so the list ends here
	}
	return in, nil
}

// Count returns how many messages wait. (MESH has deprecated the call, but the number is exact.)
func (c *Client) Count(ctx context.Context) (int, error) {
	var answer struct {
		Count int `json:"count"`
	}
	err := c.call(ctx, http.MethodGet, c.mailboxPath("count"), &answer)
	return answer.Count, err
}

// Acknowledge removes a message from the inbox.
func (c *Client) Acknowledge(ctx context.Context, messageID string) error {
	if !IsMessageID(messageID) {
		return ErrMessageID
	}
	return c.call(ctx, http.MethodPut, c.mailboxPath("inbox", messageID, "status", "acknowledged"), nil)
}
