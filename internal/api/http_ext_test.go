package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nems/internal/access"
	"nems/internal/api"
	"nems/internal/jwt"
)

const zeros = "00000000000000000000000000000000"

func TestMethodsAndPaths(t *testing.T) {
	fx := newFixture(t)
	const publish = "/STU3/Events/1/$process-message"
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", publish, 405, "POST, OPTIONS"},
		{"PUT", "/STU3/Subscription", 405, "GET, HEAD, POST, OPTIONS"},
		{"POST", "/STU3/Subscription/" + zeros, 405, "DELETE, GET, HEAD, OPTIONS"},
		{"PATCH", "/STU3/Subscription/" + zeros, 405, "DELETE, GET, HEAD, OPTIONS"},
		{"GET", "/STU3/Subscription/_search", 405, "POST, OPTIONS"},
		{"GET", "/STU3", 405, "POST, OPTIONS"},
		{"GET", "/STU3/", 405, "POST, OPTIONS"},
		{"POST", "/STU3/metadata", 405, "GET, HEAD, OPTIONS"},
		{"BREW", "/STU3/metadata", 405, "GET, HEAD, OPTIONS"},
		{"GET", "/", 404, ""},
		{"GET", "/stu3/metadata", 404, ""},
		{"GET", "/STU3/metadata/", 404, ""},
		{"GET", "/STU3//metadata", 404, ""},
		{"GET", "//STU3/metadata", 404, ""},
		{"GET", "/STU3/./metadata", 404, ""},
		{"GET", "/STU3/x/../metadata", 404, ""},
		{"GET", "/../STU3/metadata", 404, ""},
		{"GET", "/STU3/Subscription/", 404, ""},
		{"GET", "/STU3/Subscription/..", 404, ""},
		{"GET", "/STU3/Subscription/%2e%2e", 404, ""},
		{"GET", "/STU3/Subscription/%2e%2e/metadata", 404, ""},
		{"PUT", "/STU3/Subscription/a%2fb", 405, "DELETE, GET, HEAD, OPTIONS"},
		{"GET", "/STU3/Subscription/" + zeros + "/", 404, ""},
		{"GET", "/STU3/Patient/1", 501, ""},
		{"GET", "/STU3/Patient", 501, ""},
		{"PUT", "/STU3/Patient/1", 501, ""},
		{"POST", "/STU3/Events/1/$foo", 501, ""},
		{"POST", "/STU3/Events/1", 501, ""},
		{"POST", "/STU3/$bar", 501, ""},
		{"POST", "/STU3/Subscription/$bar", 501, ""},
		{"GET", "/STU3/Subscription/_history", 501, ""},
		{"GET", "/STU3/Subscription/" + zeros + "/_history", 501, ""},
		{"GET", "/STU3/metadata/x", 501, ""},
		{"GET", "/STU3%2fmetadata", 404, ""},
		{"POST", "/STU3/Events%2f1/$process-message", 501, ""},
		{"GET", "/STU4/Patient/1", 404, ""},
		{"POST", "/STU3/Events/1/$process-message/", 404, ""},
		{"POST", "/STU3/Events//1/$process-message", 404, ""},
		{"POST", "/STU3/Events/2/$process-message", 501, ""},
		{"OPTIONS", "/STU3/Nothing", 501, ""},
		{"OPTIONS", publish, 204, "POST, OPTIONS"},
		{"OPTIONS", "/STU3/Subscription/" + zeros, 204, "DELETE, GET, HEAD, OPTIONS"},
		{"HEAD", "/STU3/metadata", 200, ""},
	} {
		answer := fx.send(httptest.NewRequest(c.method, c.path, nil))
		if answer.Code != c.status || answer.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s: expected %d with Allow %q; received %d with %q", c.method, c.path, c.status, c.allow, answer.Code, answer.Header().Get("Allow"))
		}
		if c.status >= 400 {
			refused(t, answer, c.status, map[int]string{404: "NO_RECORD_FOUND", 405: "BAD_REQUEST", 501: "NOT_IMPLEMENTED"}[c.status])
		}
	}
	// The dollar sign may be encoded: some clients do.
	refused(t, fx.send(httptest.NewRequest("POST", "/STU3/Events/1/%24process-message", nil)), 400, "MISSING_OR_INVALID_HEADER")
	if len(fx.entries) != 1 {
		t.Errorf("expected one entry in the audit, of the request that lacked a token; received %v", fx.entries)
	}
}

func TestHead(t *testing.T) {
	fx := newFixture(t)
	id := fx.subscribe(leeds, "MAILBOX1234", about(jack, vaccine))
	server := httptest.NewServer(fx.api)
	defer server.Close()
	r := fx.request(leeds, "HEAD", server.URL+"/STU3/Subscription/"+id, access.ReadInteraction, "")
	r.RequestURI = ""
	head, err := server.Client().Do(r)
	must(t, err)
	body, err := io.ReadAll(head.Body)
	must(t, err)
	must(t, head.Body.Close())
	get := fx.send(fx.request(leeds, "GET", "/STU3/Subscription/"+id, access.ReadInteraction, ""))
	if len(body) != 0 || head.StatusCode != 200 || head.Header.Get("Content-Length") != fmt.Sprint(get.Body.Len()) || head.Header.Get("Etag") != get.Header().Get("Etag") {
		t.Errorf("HEAD: %d, %d bytes, %v", head.StatusCode, len(body), head.Header)
	}
}

func TestPrefer(t *testing.T) {
	fx := newFixture(t)
	for n, c := range []struct {
		prefer, applied string
		body            bool
	}{
		{"", "", false},
		{"return=minimal", "return=minimal", false},
		{"respond-async, Return = \"minimal\"; x=y", "return=minimal", false},
		{"return=representation", "return=representation", true},
		{"return=minimal, return=representation", "return=minimal", false},
		{"return", "", false},
		{"return=nothing", "", false},
	} {
		r := fx.request(leeds, "POST", "/STU3/Subscription", access.CreateInteraction, resource(leeds, "MAILBOX1234", about(number(n), vaccine)))
		if c.prefer != "" {
			r.Header.Set("Prefer", c.prefer)
		}
		answer := fx.send(r)
		if answer.Code != 201 || answer.Header().Get("Preference-Applied") != c.applied || (answer.Body.Len() > 0) != c.body {
			t.Errorf("%s: %d %q, %d bytes", c.prefer, answer.Code, answer.Header().Get("Preference-Applied"), answer.Body.Len())
		}
		if c.body && !strings.HasSuffix(answer.Header().Get("Location"), parse(t, answer).Child("id").Value()) {
			t.Error("the representation is not that of what was created")
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	fx := newFixture(t)
	send := func(keys ...string) *httptest.ResponseRecorder {
		r := fx.request(publisher, "POST", "/STU3/Events/1/$process-message", "urn:nhs:names:services:events:Vaccinations.Write", "<x")
		token := jwt.Token{Issuer: "http://test", Audience: "http://nems.test", Issued: fx.clock(), ASID: publisher.asid, ODS: publisher.ods, Reason: "directcare", Scope: jwt.ScopePublish}
		r.Header.Set("Authorization", "Bearer "+token.Unsigned())
		r.Header["Idempotency-Key"] = keys
		return fx.send(r)
	}
	for _, good := range []string{"1", "8e03978e-40d5-43e8-bc93-6894a57f9324", `"quoted"`, strings.Repeat("k", 255), " padded "} {
		refused(t, send(good), 400, "MESSAGE_NOT_WELL_FORMED") // the key was accepted, the body was not
	}
	for _, bad := range [][]string{{""}, {" "}, {"a b"}, {"é"}, {"a\x01"}, {strings.Repeat("k", 256)}, {"a", "a"}, {`""`}, {`"a`}, {"9912003888\x7f"}} {
		if text := refused(t, send(bad...), 400, "MISSING_OR_INVALID_HEADER"); !strings.HasPrefix(text, "Idempotency-Key HTTP Header") || strings.Contains(text, "9912003888") {
			t.Errorf("%q: %s", bad, text)
		}
	}
}

func TestLargeHead(t *testing.T) {
	fx := newFixture(t)
	r := fx.request(leeds, "GET", "/STU3/Subscription", access.ReadInteraction, "")
	r.Header.Set("X-Large", strings.Repeat("x", 17<<10))
	refused(t, fx.send(r), 431, "BAD_REQUEST")
	r.Header["X-Large"] = make([]string, 101)
	refused(t, fx.send(r), 431, "BAD_REQUEST")
}

// TestConnections sends bytes that no client library would, and checks the
// answer and whether the connection stays open. net/http itself answers
// requests that are not HTTP, in plain text, and closes the connection.
func TestConnections(t *testing.T) {
	fx := newFixture(t)
	server := httptest.NewServer(fx.api)
	defer server.Close()
	good := fx.request(leeds, "POST", "/STU3/Subscription", access.CreateInteraction, "")
	var head strings.Builder
	must(t, good.Header.Write(&head))
	post := "POST /STU3/Subscription HTTP/1.1\r\nHost: nems.test\r\n" + head.String()
	for name, c := range map[string]struct {
		request string
		status  int
		stays   bool
	}{
		"a length":                      {post + "Content-Length: 1\r\n\r\nx", 400, true},
		"no body":                       {post + "\r\n", 400, true},
		"length and chunked":            {post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 400, false},
		"chunked":                       {post + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 400, false},
		"chunked twice":                 {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501, false},
		"chunked in disguise":           {post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, false},
		"blank before the colon":        {post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, false},
		"two lengths":                   {post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400, false},
		"a length with a sign":          {post + "Content-Length: +1\r\n\r\nx", 400, false},
		"a length below zero":           {post + "Content-Length: -1\r\n\r\nx", 400, false},
		"a carriage return in a header": {post + "X-A: a\rb\r\n\r\n", 400, false},
		"a NUL in a header":             {post + "X-A: a\x00b\r\n\r\n", 400, false},
		"two hosts":                     {post + "Host: other\r\n\r\n", 400, false},
		"no host":                       {strings.Replace(post, "Host: nems.test\r\n", "", 1) + "\r\n", 400, false},
		"HTTP/1.0":                      {strings.Replace(post, "HTTP/1.1", "HTTP/1.0", 1) + "Connection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 400, false},
		"a body beyond the limit":       {post + "Content-Length: 4000000\r\n\r\n", 413, false},
		"a chunk beyond the limit":      {post + "Transfer-Encoding: chunked\r\n\r\n400000\r\n" + strings.Repeat("x", 4<<20) + "\r\n0\r\n\r\n", 413, false},
		"a body that ends early":        {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, false},
		"an absolute target":            {strings.Replace(post, "POST /", "POST http://nems.test/", 1) + "Content-Length: 1\r\n\r\nx", 400, true},
		"a fragment that is no path":    {"GET STU3/metadata HTTP/1.1\r\nHost: nems.test\r\n\r\n", 400, false},
		"a tunnel":                      {"CONNECT nems.test:80 HTTP/1.1\r\nHost: nems.test:80\r\n\r\n", 404, true},
	} {
		t.Run(name, func(t *testing.T) { exchangeRaw(t, server.Listener.Addr().String(), c.request, c.status, c.stays) })
	}
	fx.silent()
}

// exchangeRaw sends a request unchanged and reads its answer. Then it asks for
// the metadata: a connection that stays open must answer that, and nothing
// else.
func exchangeRaw(t *testing.T, address, request string, status int, stays bool) {
	conn, err := net.Dial("tcp", address)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	written := make(chan struct{})
	go func() { // the server may answer and close before it has read everything
		defer close(written)
		_, _ = io.WriteString(conn, request+"GET /STU3/metadata HTTP/1.1\r\nHost: nems.test\r\n\r\n")
	}()
	defer func() { conn.Close(); <-written }()
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	must(t, err)
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status || len(body) == 0 {
		t.Fatalf("expected %d and a body; received %d, %q, %v", status, answer.StatusCode, body, err)
	}
	next, err := http.ReadResponse(in, nil)
	switch {
	case stays && (err != nil || next.StatusCode != 200):
		t.Errorf("the next request was not answered: %v %v", next, err)
	case !stays && err == nil:
		t.Errorf("the connection lives on and answered %d", next.StatusCode)
	}
}

// TestBodiesThatAreClaimedAlone: connections that announce 3 MB each and send
// nothing shut out nobody, although a system has no room for two such bodies.
func TestBodiesThatAreClaimedAlone(t *testing.T) {
	fx := newFixture(t, limited(api.Limits{Bytes: 20 << 20, InFlight: 50}))
	server := httptest.NewServer(fx.api)
	defer server.Close()
	good := fx.request(leeds, "POST", "/STU3/Subscription", access.CreateInteraction, "")
	var head strings.Builder
	must(t, good.Header.Write(&head))
	post := "POST /STU3/Subscription HTTP/1.1\r\nHost: nems.test\r\n" + head.String()
	for range 87 {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		must(t, err)
		defer conn.Close()
		must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.WriteString(conn, post+"Expect: 100-continue\r\nContent-Length: 3000000\r\n\r\n")
		must(t, err)
		// The server sends 100 Continue when it begins to read; by then it has reserved memory.
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("received %q, %v", line, err)
		}
	}
	exchangeRaw(t, server.Listener.Addr().String(), post+"Content-Length: 2000000\r\n\r\n"+strings.Repeat(" ", 2_000_000), 400, true)
}

// A client that sends its whole body before it reads still gets the refusal.
func TestRefusalOfALargeBodyArrives(t *testing.T) {
	fx := newFixture(t)
	server := httptest.NewServer(fx.api)
	defer server.Close()
	for _, size := range []int{1 << 20, 3<<20 + 1, 4 << 20, 12 << 20} {
		for _, c := range []struct {
			asid   string
			status int
		}{{"", 400}, {string(leeds.asid), 413}} {
			r := fx.request(leeds, "POST", "/STU3/Subscription", access.CreateInteraction, "")
			r.Header.Set("fromASID", c.asid)
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			must(t, err)
			must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
			var head strings.Builder
			must(t, r.Header.Write(&head))
			_, err = fmt.Fprintf(conn, "POST /STU3/Subscription HTTP/1.1\r\nHost: nems.test\r\n%sContent-Length: %d\r\n\r\n%s", head.String(), size, strings.Repeat(" ", size))
			must(t, err)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			must(t, err)
			want := c.status
			if want == 413 && size <= 3<<20 {
				want = 400 // blanks are not XML
			}
			if answer.StatusCode != want {
				t.Errorf("%d bytes of %q: %s", size, c.asid, answer.Status)
			}
			must(t, conn.Close())
		}
	}
}
