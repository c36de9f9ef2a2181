package receiver_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
)

// fakeMESH is a MESH with one mailbox that fails as the test asks.
type fakeMESH struct {
	*httptest.Server
	mu       sync.Mutex
	messages []fakeMessage
	acked    []string
	calls    map[string]int // by operation
	pageSize int
	// fault chooses the failure of the n-th call (from 1) of an operation:
	// hello, list, get or ack.
	fault func(operation string, n int) fault
	// forgetful makes it go on listing acknowledged messages.
	forgetful bool
}

type fakeMessage struct {
	id      string
	body    []byte
	raw     bool // the body is labelled gzip but is sent uncompressed
	headers map[string]string
}

// fault is one way in which a call fails.
type fault int

const (
	fine         fault = iota
	dropBefore         // the connection ends before anything was done
	dropAfter          // the work is done, but the answer is lost
	unavailable        // 503
	forbidden          // 403
	cutShort           // the body ends early
	disappeared        // 404
	contentFault       // not JSON
)

func newFakeMESH(messages ...fakeMessage) *fakeMESH {
	f := &fakeMESH{messages: messages, calls: map[string]int{}, pageSize: 500, fault: func(string, int) fault { return fine }}
	f.Server = httptest.NewServer(f)
	return f
}

func (f *fakeMESH) put(messages ...fakeMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages = append(f.messages, messages...)
}

func (f *fakeMESH) acknowledged() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.acked)
}

func (f *fakeMESH) count(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[operation]
}

// waiting lists the messages that a client sees.
func (f *fakeMESH) waiting() []string {
	var ids []string
	for _, m := range f.messages {
		if f.forgetful || !slices.Contains(f.acked, m.id) {
			ids = append(ids, m.id)
		}
	}
	return ids
}

func (f *fakeMESH) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	operation, id := operationOf(r)
	f.calls[operation]++
	what := f.fault(operation, f.calls[operation])
	answer := httptest.NewRecorder()
	switch what {
	case dropBefore:
		panic(http.ErrAbortHandler)
	case unavailable:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case forbidden:
		w.WriteHeader(http.StatusForbidden)
		return
	case disappeared:
		w.WriteHeader(http.StatusNotFound)
		return
	case contentFault:
		fmt.Fprint(w, "<html>")
		return
	}
	f.answer(answer, r, operation, id)
	body := answer.Body.Bytes()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	switch what {
	case dropAfter:
		panic(http.ErrAbortHandler)
	case cutShort:
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}

func operationOf(r *http.Request) (operation, id string) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) == 2:
		return "hello", ""
	case len(parts) == 3:
		return "list", ""
	case r.Method == http.MethodPut:
		return "ack", parts[3]
	}
	return "get", parts[3]
}

func (f *fakeMESH) answer(w http.ResponseWriter, r *http.Request, operation, id string) {
	switch operation {
	case "list":
		f.list(w, r.URL.Query().Get("continue_from"))
	case "get":
		f.get(w, id)
	case "ack":
		if !slices.Contains(f.acked, id) {
			f.acked = append(f.acked, id)
		}
		fmt.Fprint(w, "{}")
	default:
		fmt.Fprint(w, "{}")
	}
}

// list pages by position, so that a continuation token stays valid when earlier messages go.
func (f *fakeMESH) list(w http.ResponseWriter, from string) {
	ids := f.waiting()
	if i := slices.IndexFunc(ids, func(id string) bool { return id > from }); i >= 0 {
		ids = ids[i:]
	} else {
		ids = nil
	}
	page := map[string]any{"links": map[string]string{}}
	if len(ids) > f.pageSize {
		ids = ids[:f.pageSize]
		page["links"] = map[string]string{"next": "/messageexchange/BOX/inbox?continue_from=" + ids[len(ids)-1]}
	}
	page["messages"] = ids
	_ = json.NewEncoder(w).Encode(page)
}

func (f *fakeMESH) get(w http.ResponseWriter, id string) {
	i := slices.IndexFunc(f.messages, func(m fakeMessage) bool { return m.id == id })
	if i < 0 || slices.Contains(f.acked, id) && !f.forgetful {
		w.WriteHeader(http.StatusGone)
		return
	}
	m := f.messages[i]
	w.Header().Set("mex-messagetype", "DATA")
	for name, value := range m.headers {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Encoding", "gzip")
	if m.raw {
		_, _ = w.Write(m.body)
		return
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(m.body)
	_ = z.Close()
	_, _ = w.Write(packed.Bytes())
}

// notice describes the event of a test. Empty fields have defaults.
type notice struct {
	id, code, patient, asid, updated, version, kind string
	thing                                           string // value of the focus's identifier; "" means no focus
	system                                          string // system of that identifier; "none" means none
}

// body is the smallest message with the facts of n.
func (n notice) body() []byte {
	or := func(s, d string) string {
		if s == "" {
			return d
		}
		return s
	}
	meta := ""
	if n.version != "" {
		meta += `<versionId value="` + n.version + `"/>`
	}
	if n.updated != "" {
		meta += `<lastUpdated value="` + n.updated + `"/>`
	}
	focus, thing := "", ""
	if n.thing != "" {
		system := `<system value="` + or(n.system, "https://example.nhs.uk/vaccination") + `"/>`
		if n.system == "none" {
			system = ""
		}
		focus = `<focus><reference value="urn:uuid:5d2bd6a7-1f5c-4a61-9d9d-4b8d4c4a0001"/></focus>`
		thing = `<entry><fullUrl value="urn:uuid:5d2bd6a7-1f5c-4a61-9d9d-4b8d4c4a0001"/><resource><Immunization><identifier>` + system + `<value value="` + n.thing + `"/></identifier></Immunization></resource></entry>`
	}
	return []byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><resource><MessageHeader>` +
		`<id value="` + n.id + `"/><meta>` + meta + `</meta>` +
		`<extension url="https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1">` +
		`<extension url="nhsNumber"><valueIdentifier><system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="` + or(n.patient, "9990000026") + `"/></valueIdentifier></extension></extension>` +
		`<extension url="https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1"><valueCodeableConcept><coding><code value="` + or(n.kind, "new") + `"/></coding></valueCodeableConcept></extension>` +
		`<event><system value="https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"/><code value="` + or(n.code, "vaccinations-1") + `"/></event>` +
		`<source><endpoint value="urn:nhs:addressing:asid:` + or(n.asid, "300000000161") + `"/></source>` + focus + `</MessageHeader></resource></entry>` + thing + `</Bundle>`)
}

// in puts the event into a MESH message.
func (n notice) in(meshID string) fakeMessage {
	return fakeMessage{id: meshID, body: n.body(), headers: map[string]string{
		"mex-from": "X26NEMS", "mex-to": "BOX", "mex-workflowid": "VACCINATIONS_1", "mex-localid": "1",
		"mex-partnerid": "sub1|tag1~~~sub2|tag2",
	}}
}
