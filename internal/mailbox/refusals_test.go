package mailbox_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"strings"
	"testing"

	"nems/internal/mailbox"
	"nems/internal/mesh"
	"nems/internal/store"
)

// to returns the headers of a valid send, with some replaced.
func to(box string, more ...string) map[string]string {
	h := map[string]string{"Mex-To": box, "Mex-WorkflowID": "W"}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

func packed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // into memory
	_ = z.Close()
	return b.String()
}

// Bad requests: the expected status, and what the body must contain in version
// 2 (code) and version 1. Nothing is stored, and the server keeps running.
func TestBadRequests(t *testing.T) {
	fx := newFixture(t, func(c *mailbox.Config) { c.MaxChunk = 400 << 10 })
	long := strings.Repeat("x", 600)
	for name, c := range map[string]struct {
		request
		status int
		want   string // in the body
	}{
		"unknown path":         {request{"GET", "ALICE/outfit", nil, ""}, 404, "No such endpoint"},
		"unknown deep path":    {request{"GET", "ALICE/inbox/a/b/c/d", nil, ""}, 404, "No such endpoint"},
		"empty part":           {request{"GET", "ALICE//inbox", nil, ""}, 404, "No such endpoint"},
		"outside":              {request{"GET", "/other", nil, ""}, 404, "No such endpoint"},
		"bad escape":           {request{"GET", "ALICE/inbox%2Frich", nil, ""}, 404, "No such endpoint"},
		"method":               {request{"DELETE", "ALICE/inbox", nil, ""}, 405, "does not know this method"},
		"no mailbox before":    {request{"PUT", "ALICE", nil, ""}, 405, "does not know this method"},
		"handshake headers":    {request{"POST", "ALICE", nil, ""}, 400, `"loc":["header","mex-clientversion"]`},
		"accept version 3":     {request{"GET", "ALICE/inbox", map[string]string{"Accept": "application/vnd.mesh.v3+json"}, ""}, 400, "Accept header api format incorrect"},
		"max_results 9":        {request{"GET", "ALICE/inbox?max_results=9", nil, ""}, 400, `"loc":["query","max_results"]`},
		"max_results 5001":     {request{"GET", "ALICE/inbox?max_results=5001", nil, ""}, 400, "max_results"},
		"max_results text":     {request{"GET", "ALICE/inbox?max_results=ten", nil, ""}, 400, "max_results"},
		"filter":               {request{"GET", "ALICE/inbox?workflow_filter=*A", nil, ""}, 400, `"loc":["query","workflow_filter"]`},
		"filter short":         {request{"GET", "ALICE/inbox?workflow_filter=A", nil, ""}, 400, "workflow_filter"},
		"continue nonsense":    {request{"GET", "ALICE/inbox?continue_from=" + long, nil, ""}, 400, "continue_from"},
		"continue of another":  {request{"GET", "ALICE/inbox?continue_from=AAAAAAAAAAIAAAAAAAAAAQ==", nil, ""}, 400, "continue_from"},
		"message id nonsense":  {request{"GET", "ALICE/inbox/SIMPLE_MESSAGE", nil, ""}, 404, `"code":"20"`},
		"message unknown":      {request{"GET", "ALICE/inbox/20200529155357895317_357001", nil, ""}, 404, "Message does not exist"},
		"head unknown":         {request{"HEAD", "ALICE/inbox/20200529155357895317_357001", nil, ""}, 404, ""},
		"acknowledge unknown":  {request{"PUT", "ALICE/inbox/20200529155357895317_357001/status/acknowledged", nil, ""}, 404, `"code":"20"`},
		"acknowledge nonsense": {request{"PUT", "ALICE/inbox/x/status/acknowledged", nil, ""}, 404, `"code":"20"`},
		"chunk zero":           {request{"GET", "ALICE/inbox/20200529155357895317_357001/0", nil, ""}, 400, "chunk_number"},
		"chunk text":           {request{"GET", "ALICE/inbox/20200529155357895317_357001/one", nil, ""}, 400, "chunk_number"},
		"tracking no id":       {request{"GET", "ALICE/outbox/tracking", nil, ""}, 400, `"loc":["query","messageID"]`},
		"tracking unknown":     {request{"GET", "ALICE/outbox/tracking?messageID=0123", nil, ""}, 404, "does not exist"},
		"tracking local id":    {request{"GET", "ALICE/outbox/tracking/none", nil, ""}, 404, "does not exist"},
		"rich start":           {request{"GET", "ALICE/inbox/rich?start_time=now", nil, ""}, 400, "start_time"},

		"no recipient":         {request{"POST", "ALICE/outbox", to("-"), "x"}, 400, `"code":"08"`},
		"blank recipient":      {request{"POST", "ALICE/outbox", to(" "), "x"}, 400, `"code":"08"`},
		"no workflow":          {request{"POST", "ALICE/outbox", to("BOB", "Mex-WorkflowID", "-"), "x"}, 400, `"code":"06"`},
		"unknown recipient":    {request{"POST", "ALICE/outbox", to("NOBODY"), "x"}, 417, `"code":"12"`},
		"remote recipient":     {request{"POST", "ALICE/outbox", to("FAR"), "x"}, 417, `"code":"12"`},
		"workflow receiver":    {request{"POST", "ALICE/outbox", to("BARRY", "Mex-WorkflowID", "RESTRICTED_WORKFLOW"), "x"}, 417, `"code":"17"`},
		"workflow sender":      {request{"POST", "ALICE/outbox", to("BARRY", "Mex-WorkflowID", "ANOTHER_WORKFLOW"), "x"}, 417, `"code":"17"`},
		"another sender":       {request{"POST", "ALICE/outbox", to("BOB", "Mex-From", "BARRY"), "x"}, 403, `"code":"07"`},
		"control character":    {request{"POST", "ALICE/outbox", to("BOB", "Mex-FileName", "a\u009b31m.xml"), "x"}, 400, "Malformed headers: mex-filename"},
		"a report":             {request{"POST", "ALICE/outbox", to("BOB", "Mex-MessageType", "REPORT"), "x"}, 417, `"code":"11"`},
		"empty body":           {request{"POST", "ALICE/outbox", to("BOB"), ""}, 417, `"code":"02"`},
		"encoding":             {request{"POST", "ALICE/outbox", to("BOB", "Content-Encoding", "br"), "x"}, 422, "UnsupportedContentEncoding"},
		"checksum":             {request{"POST", "ALICE/outbox", to("BOB", "Mex-Content-Checksum", "`#!@+&=*,|~;._"), "x"}, 400, "Invalid checksum"},
		"subject too long":     {request{"POST", "ALICE/outbox", to("BOB", "Mex-Subject", long), "x"}, 400, `"loc":["header","mex-subject"]`},
		"partner id too long":  {request{"POST", "ALICE/outbox", to("BOB", "Mex-PartnerID", long), "x"}, 400, "mex-partnerid"},
		"tab in local id":      {request{"POST", "ALICE/outbox", to("BOB", "Mex-LocalID", "a\tb"), "x"}, 400, `"code":"06"`},
		"workflow is a URL":    {request{"POST", "ALICE/outbox", to("BOB", "Mex-WorkflowID", "http://x"), "x"}, 400, `"code":"06"`},
		"chunk range 0:2":      {request{"POST", "ALICE/outbox", to("BOB", "Mex-Chunk-Range", "0:2"), "x"}, 417, "InvalidHeaderChunks"},
		"chunk range 2:2":      {request{"POST", "ALICE/outbox", to("BOB", "Mex-Chunk-Range", "2:2"), "x"}, 417, "InvalidHeaderChunks"},
		"chunk range 3:2":      {request{"POST", "ALICE/outbox", to("BOB", "Mex-Chunk-Range", "3:2"), "x"}, 417, "InvalidHeaderChunks"},
		"chunk range words":    {request{"POST", "ALICE/outbox", to("BOB", "Mex-Chunk-Range", "one"), "x"}, 417, "InvalidHeaderChunks"},
		"chunk range a lie":    {request{"POST", "ALICE/outbox", to("BOB", "Mex-Chunk-Range", "1:1000000000"), "x"}, 417, "InvalidHeaderChunks"},
		"too large":            {request{"POST", "ALICE/outbox", to("BOB"), strings.Repeat("x", 400<<10+1)}, 413, `"code":"02"`},
		"no gzip":              {request{"POST", "ALICE/outbox", to("BOB", "Content-Encoding", "gzip"), "plain"}, 417, `"code":"02"`},
		"gzip cut off":         {request{"POST", "ALICE/outbox", to("BOB", "Content-Encoding", "gzip"), packed("some text")[:15]}, 417, `"code":"02"`},
		"gzip and more":        {request{"POST", "ALICE/outbox", to("BOB", "Content-Encoding", "gzip"), packed("text") + "more"}, 417, `"code":"02"`},
		"large and no gzip":    {request{"POST", "ALICE/outbox", to("BOB", "Content-Encoding", "gzip"), strings.Repeat("x", 300<<10)}, 417, `"code":"02"`},
		"chunk to nothing":     {request{"POST", "ALICE/outbox/20200529155357895317_357001/2", map[string]string{"Mex-Chunk-Range": "2:2"}, "x"}, 404, `"code":"20"`},
		"chunk without range":  {request{"POST", "ALICE/outbox/20200529155357895317_357001/2", nil, "x"}, 417, "InvalidHeaderChunks"},
		"chunk, other number":  {request{"POST", "ALICE/outbox/20200529155357895317_357001/2", map[string]string{"Mex-Chunk-Range": "1:2"}, "x"}, 417, "InvalidHeaderChunks"},
		"chunk number in text": {request{"POST", "ALICE/outbox/20200529155357895317_357001/two", map[string]string{"Mex-Chunk-Range": "1:2"}, "x"}, 400, "chunk_number"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, body := fx.do(c.request)
			if answer.StatusCode != c.status || !strings.Contains(body, c.want) {
				t.Errorf("%s %s\nwant %d with %s", answer.Status, body, c.status, c.want)
			}
			if c.status == http.StatusMethodNotAllowed && answer.Header.Get("Allow") == "" {
				t.Error("no Allow header")
			}
			if c.header == nil {
				c.header = map[string]string{}
			}
			if !strings.Contains(body, `"loc"`) && c.header["Accept"] == "" && c.method != "HEAD" {
				c.header["Accept"] = mesh.MediaV1
				if _, body := fx.do(c.request); !strings.Contains(body, `"errorDescription"`) || !strings.Contains(body, `"errorCode"`) {
					t.Errorf("version 1: %s", body)
				}
			}
		})
	}
	if messages, pieces := fx.boxes.stored(t); messages+pieces != 0 {
		t.Errorf("%d messages and %d pieces were stored", messages, pieces)
	}
	if id := fx.send("ALICE", "BOB", "W", "x"); id == "" {
		t.Error("the server does not live on")
	}
}

// The rules for chunks of a message that is being uploaded.
func TestBadChunks(t *testing.T) {
	fx := newFixture(t)
	answer, body := fx.do(request{"POST", "ALICE/outbox", to("BOB", "Mex-Chunk-Range", "1:2", "Content-Encoding", "gzip"), packed("one")})
	if answer.StatusCode != http.StatusAccepted {
		t.Fatal(body)
	}
	id := strings.Split(body, `"`)[3]
	gz := func(r string) map[string]string {
		return map[string]string{"Mex-Chunk-Range": r, "Content-Encoding": "gzip"}
	}
	for name, c := range map[string]struct {
		request
		status int
	}{
		"beyond the message": {request{"POST", "ALICE/outbox/" + id + "/3", gz("3:3"), packed("x")}, 406},
		"another total":      {request{"POST", "ALICE/outbox/" + id + "/2", gz("2:5"), packed("x")}, 417},
		"encoding changed":   {request{"POST", "ALICE/outbox/" + id + "/2", map[string]string{"Mex-Chunk-Range": "2:2"}, "x"}, 417},
		"not gzip":           {request{"POST", "ALICE/outbox/" + id + "/2", gz("2:2"), "x"}, 417},
		"empty":              {request{"POST", "ALICE/outbox/" + id + "/2", gz("2:2"), ""}, 417},
		"another's message": {request{"POST", "BOB/outbox/" + id + "/2",
			map[string]string{"Mex-Chunk-Range": "2:2", "Content-Encoding": "gzip", "Authorization": fx.token("BOB")}, packed("x")}, 403},
	} {
		if answer, body := fx.do(c.request); answer.StatusCode != c.status {
			t.Errorf("%s: %s %s", name, answer.Status, body)
		}
		if in := fx.inbox("BOB"); len(in) != 0 {
			t.Fatalf("%s made the message visible", name)
		}
	}
	if answer, body := fx.do(request{"POST", "ALICE/outbox/" + id + "/2", gz("2:2"), packed("two")}); answer.StatusCode != 202 {
		t.Fatal(body)
	}
	if _, body := read(t, fx.client("BOB"), id); string(body) != "onetwo" {
		t.Errorf("%q", body)
	}
	for n, want := range map[string]int{"1": 206, "2": 200, "3": 404} {
		if answer, _ := fx.do(request{"GET", "BOB/inbox/" + id + "/" + n, map[string]string{"Authorization": fx.token("BOB")}, ""}); answer.StatusCode != want {
			t.Errorf("chunk %s: %s", n, answer.Status)
		}
	}
}

// Which tokens authorise which requests.
func TestAuthorisation(t *testing.T) {
	fx := newFixture(t)
	signed := func(box, password, key string) string {
		return mesh.NewSigner(box, password, []byte(key)).Token(fx.clock.now())
	}
	id := fx.send("ALICE", "BOB", "W", "x")
	for name, c := range map[string]struct {
		path, token string
		status      int
		want        string
	}{
		"none":              {"ALICE/inbox", "-", 403, "Error reading from Authorization header"},
		"malformed":         {"ALICE/inbox", "NHSMESH ALICE:1:2", 403, "Error reading from Authorization header"},
		"wrong password":    {"ALICE/inbox", signed("ALICE", "x", sharedKey), 403, "Invalid Authentication Token"},
		"wrong key":         {"ALICE/inbox", signed("ALICE", "password", "x"), 403, "Invalid Authentication Token"},
		"unknown mailbox":   {"NOBODY/inbox", signed("NOBODY", "password", sharedKey), 403, "Invalid Authentication Token"},
		"empty password":    {"NOBODY/inbox", signed("NOBODY", "", sharedKey), 403, "Invalid Authentication Token"},
		"remote mailbox":    {"FAR/inbox", signed("FAR", "", sharedKey), 403, "Invalid Authentication Token"},
		"another's box":     {"BOB/inbox", signed("ALICE", "password", sharedKey), 403, `"code":"07"`},
		"small letters":     {"alice/inbox", signed("ALICE", "password", sharedKey), 200, "messages"},
		"too old":           {"ALICE/inbox", mesh.NewToken("ALICE", "password", []byte(sharedKey), "n", 1, fx.clock.now().Add(-3*60*60*1e9)).String(), 403, "Invalid Authentication Token"},
		"another's message": {"ALICE/inbox/" + id, signed("ALICE", "password", sharedKey), 403, "belongs to another mailbox"},
		"not my outbox":     {"BOB/outbox/tracking?messageID=" + id, signed("BOB", "password", sharedKey), 404, "does not exist"},
		"ping":              {"_ping", "-", 200, "running"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, body := fx.do(request{"GET", c.path, map[string]string{"Authorization": c.token}, ""})
			if answer.StatusCode != c.status || !strings.Contains(body, c.want) {
				t.Errorf("%s %s", answer.Status, body)
			}
		})
	}
	once := signed("ALICE", "password", sharedKey)
	for i, want := range []int{200, 403, 403} {
		if answer, body := fx.do(request{"GET", "ALICE/inbox", map[string]string{"Authorization": once}, ""}); answer.StatusCode != want {
			t.Errorf("use %d of a token: %s %s", i+1, answer.Status, body)
		}
	}
	if answer, _ := fx.do(request{"PUT", "ALICE/inbox/" + id + "/status/acknowledged", nil, ""}); answer.StatusCode != 403 {
		t.Errorf("another's message acknowledged: %s", answer.Status)
	}
	if answer, _ := fx.do(request{"HEAD", "ALICE/inbox/" + id, nil, ""}); answer.StatusCode != 200 {
		t.Errorf("the sender may ask for the headers: %s", answer.Status)
	}
}

// A refused certificate looks like a wrong password and uses up no token.
func TestAllowed(t *testing.T) {
	allow := false
	fx := newFixture(t, func(c *mailbox.Config) {
		c.Allowed = func(_ *http.Request, m store.Mailbox) bool { return allow && m.ID == "ALICE" }
	})
	token := map[string]string{"Authorization": fx.token("ALICE")}
	if answer, body := fx.do(request{"GET", "ALICE/inbox", token, ""}); answer.StatusCode != 403 {
		t.Error(answer.Status, body)
	}
	allow = true
	if answer, body := fx.do(request{"GET", "ALICE/inbox", token, ""}); answer.StatusCode != 200 {
		t.Error(answer.Status, body)
	}
}

// When the store fails, the answer has the API's form and says whether to try
// again. The log has what the answer hides.
func TestStoreFails(t *testing.T) {
	fx := newFixture(t)
	for _, c := range []struct {
		err    error
		status int
	}{
		{store.ErrBusy, 503}, {store.ErrUnknown, 503}, {store.ErrClosed, 503}, {errors.New("disk on fire"), 500},
	} {
		fx.boxes.Fault = func(method string, done bool) error {
			if method == "Send" && done == (c.err == store.ErrUnknown) {
				return c.err
			}
			return nil
		}
		answer, body := fx.do(request{"POST", "ALICE/outbox", to("BOB"), "x"})
		if answer.StatusCode != c.status || !strings.Contains(body, `"detail"`) || strings.Contains(body, "fire") {
			t.Errorf("%v: %s %s", c.err, answer.Status, body)
		}
		if (answer.Header.Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%v: Retry-After %q", c.err, answer.Header.Get("Retry-After"))
		}
	}
	if !strings.Contains(fx.log.String(), "disk on fire") {
		t.Error("the log does not say what failed")
	}
	fx.boxes.Fault = func(method string, _ bool) error {
		if method == "Send" {
			panic("a defect")
		}
		return nil
	}
	answer, body := fx.do(request{"POST", "ALICE/outbox", to("BOB"), "x"})
	if answer.StatusCode != 500 || !strings.Contains(body, "reference") || strings.Contains(body, "defect") {
		t.Errorf("%s %s", answer.Status, body)
	}
	if strings.Contains(fx.log.String(), "NHSMESH") {
		t.Error("a token stands in the log")
	}
}

// A chunk that cannot be read gets an error answer, not an empty one.
func TestChunkFails(t *testing.T) {
	for _, encoding := range []string{"", "gzip"} {
		fx := newFixture(t)
		id := fx.send("ALICE", "BOB", "W", "x")
		fx.boxes.Fault = func(method string, _ bool) error {
			if method == "Chunk" {
				return store.ErrDamaged
			}
			return nil
		}
		answer, body := fx.do(request{"GET", "BOB/inbox/" + id, map[string]string{"Authorization": fx.token("BOB"), "Accept-Encoding": encoding}, ""})
		if answer.StatusCode != 500 || !strings.Contains(body, "reference") || answer.Header.Get("Content-Encoding") != "" {
			t.Errorf("%q: %s %v %q", encoding, answer.Status, answer.Header, body)
		}
	}
}
