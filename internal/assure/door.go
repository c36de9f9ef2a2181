package assure

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"nems/internal/access"
	"nems/internal/api"
	"nems/internal/jwt"
	"nems/internal/refuse"
	"nems/internal/spine"
)

// Door stands in front of a NEMS: it records and judges what comes, and answers in the
// service's place where the record says so.
type Door struct {
	Node   string // address of the service behind it
	Record *Record
	Judge  *Judge
	// Mend lets requests through whose headers or token the service refuses, by putting
	// right what is wrong: a deviation is then a finding and not the end of the test.
	Mend   bool
	Now    func() time.Time
	Client *http.Client
}

// mostBody is the most that the door reads of a request; the service takes less.
const mostBody = 16 << 20

// served are the paths that systems under test may use. Operators' are not among them.
var served = []string{"/STU3", "/messageexchange", "/personal-demographics", "/oauth2/", reportPath}

// ServeHTTP answers one request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isServed(r.URL.Path) {
		http.Error(w, "this is the door of nems assure: it has /STU3/, /messageexchange/ and /personal-demographics/", http.StatusNotFound)
		return
	}
	x := &Exchange{At: d.Now(), Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Endpoint: endpointOf(r)}
	d.Record.arrive(x)
	defer d.Record.abandon(x)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	x.Body, x.Hash, x.TLS = body, hashOf(body), d.Judge.connection(r.TLS)
	looked := d.Judge.Request(x)
	for _, p := range looked {
		if p.Text != "" {
			x.Problems = append(x.Problems, p)
		}
	}
	if err != nil {
		d.answer(w, x, looked, refuse.TooLarge(api.MaxBody))
		return
	}
	instead := (*Answer)(nil)
	if x.publishes() {
		instead = d.Record.instead()
	}
	switch {
	case r.URL.Path == reportPath:
		d.pass(w, x, looked, d.report(x))
	case strings.HasPrefix(r.URL.Path, "/messageexchange/") && d.Record.broken():
		x.Instead = "the mailbox was out of order"
		d.pass(w, x, looked, &kept{header: http.Header{"Retry-After": {"1"}}, status: http.StatusServiceUnavailable})
	case instead != nil && instead.Refuse != "":
		x.Instead = "refused in the service's place"
		d.answer(w, x, looked, refusals[instead.Refuse](*instead))
	case instead != nil && instead.Lose == loseBefore:
		x.Instead = "connection cut before the service had the message"
		d.cut(x, looked)
	case strings.HasSuffix(r.URL.Path, "/$stream"):
		d.stream(w, x, looked, r)
	default:
		got := d.forward(r.Context(), x, r)
		if instead != nil {
			x.Instead = "the service answered " + strconv.Itoa(got.status) + ", and the connection was cut before the caller had it"
			d.cut(x, looked)
		}
		d.pass(w, x, looked, got)
	}
}

// report takes a report of what the system under test made of a message.
func (d *Door) report(x *Exchange) *kept {
	out := &kept{header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, status: http.StatusNoContent}
	t, err := readTold(x.Body)
	switch {
	case x.Method != http.MethodPost:
		out.status = http.StatusMethodNotAllowed
	case err != nil:
		out.status = http.StatusBadRequest
		out.body.WriteString(err.Error())
	default:
		d.Record.tell(t)
	}
	return out
}

func isServed(path string) bool {
	for _, s := range served {
		if strings.HasPrefix(path, s) {
			return true
		}
	}
	return false
}

// endpointOf is what a request addresses.
func endpointOf(r *http.Request) spine.Endpoint {
	path := strings.TrimSuffix(r.URL.Path, "/")
	one := strings.HasPrefix(path, "/STU3/Subscription/")
	switch {
	case path == "/STU3/Events/1/$process-message":
		return spine.EndpointPublish
	case path == "/STU3/Subscription" && r.Method == http.MethodPost:
		return spine.EndpointCreate
	case path == "/STU3/Subscription", path == "/STU3/Subscription/_search":
		return spine.EndpointSearch
	case one && r.Method == http.MethodDelete:
		return spine.EndpointDelete
	case one:
		return spine.EndpointRead
	case path == "/STU3" && r.Method == http.MethodPost:
		return spine.EndpointBatch
	}
	return 0
}

// cut closes the connection without an answer.
func (d *Door) cut(x *Exchange, looked []Problem) {
	x.Answered = d.Now()
	d.Record.end(x, looked)
	panic(http.ErrAbortHandler)
}

// answer refuses in the service's place.
func (d *Door) answer(w http.ResponseWriter, x *Exchange, looked []Problem, refusal *refuse.Refusal) {
	kept := &kept{header: http.Header{}}
	media, _ := spine.Negotiate(x.Header, "", x.Endpoint)
	api.WriteRefusal(kept, media, refusal)
	d.pass(w, x, looked, kept)
}

// pass gives the caller an answer.
func (d *Door) pass(w http.ResponseWriter, x *Exchange, looked []Problem, got *kept) {
	for name, values := range got.header {
		w.Header()[name] = values
	}
	x.replyHeader = got.header
	x.Status, x.Reply, x.Code, x.Answered = got.status, got.body.Bytes(), codeIn(got), d.Now()
	d.Record.end(x, looked)
	w.WriteHeader(got.status)
	_, _ = w.Write(got.body.Bytes())
}

// kept is an answer that is kept before it is sent.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }

// forward asks the service. What is wrong with headers and token is put right in a
// second attempt, if the door mends.
func (d *Door) forward(ctx context.Context, x *Exchange, r *http.Request) *kept {
	got := d.send(ctx, x, r, x.Header)
	if !d.Mend || !mendable(x, got) {
		return got
	}
	again := d.send(ctx, x, r, d.mended(x))
	if mendable(x, again) {
		return got
	}
	x.Mended = strings.TrimSpace(strconv.Itoa(got.status) + " " + codeIn(got))
	return again
}

// stream passes on an answer that has no end. Nothing of it is kept.
func (d *Door) stream(w http.ResponseWriter, x *Exchange, looked []Problem, r *http.Request) {
	to, err := url.Parse(d.Node)
	if err != nil {
		d.answer(w, x, looked, refuse.Internal("door"))
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { p.SetURL(to) },
		FlushInterval: -1,
		ModifyResponse: func(answer *http.Response) error {
			x.Status, x.Answered, x.Instead = answer.StatusCode, d.Now(), "passed on as it came"
			d.Record.end(x, looked)
			return nil
		},
	}
	proxy.ServeHTTP(w, r)
}

// mendable reports whether an answer is about headers, token or media type.
func mendable(x *Exchange, got *kept) bool {
	switch codeIn(got) {
	case string(refuse.MissingOrInvalidHeaderCode), string(refuse.ASIDCheckFailedCode), string(refuse.AccessDeniedCode), string(refuse.UnsupportedMediaTypeCode):
		return x.Endpoint != 0
	}
	return false
}

// mended are the headers as they should have been.
func (d *Door) mended(x *Exchange) http.Header {
	h := x.Header.Clone()
	scope, interaction := jwt.ScopeRead, access.ReadInteraction
	switch x.Endpoint {
	case spine.EndpointPublish:
		scope, interaction = jwt.ScopePublish, access.PublishInteraction(d.Judge.interactionName(x.Facts.Code))
	case spine.EndpointCreate, spine.EndpointBatch:
		scope, interaction = jwt.ScopeWrite, access.CreateInteraction
	case spine.EndpointDelete:
		scope, interaction = jwt.ScopeWrite, access.DeleteInteraction
	}
	token := jwt.Token{
		Issuer: "https://assure.invalid", Audience: d.Node, ASID: d.Judge.ASID, ODS: d.Judge.ODS, Reason: "directcare", Scope: scope, Issued: d.Now(),
	}
	h.Set("Authorization", "Bearer "+token.Unsigned())
	h.Set("fromASID", string(d.Judge.ASID))
	h.Set("toASID", string(d.Judge.NEMS))
	h.Set("InteractionID", interaction)
	h.Del("Accept")
	if len(x.Body) > 0 {
		h.Set("Content-Type", "application/fhir+"+formOf(x.Body))
	}
	return h
}

func formOf(body []byte) string {
	if text := bytes.TrimSpace(body); len(text) > 0 && text[0] == '{' {
		return "json"
	}
	return "xml"
}

// hopByHop headers concern one connection.
var hopByHop = []string{"Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect", "Content-Length", "Accept-Encoding"}

// send asks the service with the given headers.
func (d *Door) send(ctx context.Context, x *Exchange, r *http.Request, header http.Header) *kept {
	out := &kept{header: http.Header{}, status: http.StatusBadGateway}
	// A caller that goes away must not take the request back: the service decides.
	again, err := http.NewRequestWithContext(context.WithoutCancel(ctx), r.Method, d.Node+x.Path, bytes.NewReader(x.Body))
	if err != nil {
		return out
	}
	again.Header = header.Clone()
	for _, name := range hopByHop {
		again.Header.Del(name)
	}
	answer, err := d.Client.Do(again)
	if err != nil {
		return out
	}
	defer answer.Body.Close()
	out.status, out.header = answer.StatusCode, answer.Header.Clone()
	for _, name := range hopByHop {
		if name != "Content-Length" {
			out.header.Del(name)
		}
	}
	_, _ = io.Copy(&out.body, answer.Body)
	return out
}

// connection describes the encryption of a request's connection.
func (j *Judge) connection(state *tls.ConnectionState) *TLS {
	if state == nil {
		return nil
	}
	t := &TLS{Version: tls.VersionName(state.Version), Cipher: tls.CipherSuiteName(state.CipherSuite), Trusted: j.trusts(state)}
	if len(state.PeerCertificates) > 0 {
		t.Client = state.PeerCertificates[0].Subject.CommonName
	}
	return t
}
