package pdsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/spine"
	"nems/internal/store"
)

// The moment at which tests run, and the patients whom they use.
var now = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

const (
	smith      = "9000000009"
	restricted = "9000000025"
	withdrawn  = "9000000033"
	old        = "9000000041" // superseded by smith
	nobody     = "9111231130"
)

// records keep records in memory, as the broker does in a database.
type records struct {
	mu   sync.Mutex
	all  map[string]demographics.Record
	done map[uuid.UUID]demographics.Record
	// births are what was notified.
	births []demographics.Birth
}

func (s *records) PatientRecord(_ context.Context, n nhs.NHSNumber) (demographics.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.all[n.Digits()]
	if !ok {
		return r, store.ErrNotFound
	}
	return r.Clone(), nil
}

func (s *records) FindRecords(_ context.Context, q demographics.Query) (out []demographics.Record, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, digits := range slices.Sorted(maps.Keys(s.all)) {
		if r := s.all[digits]; digits > q.After.Digits() && q.Fits(r) && len(out) < q.Limit {
			out = append(out, r.Clone())
		}
	}
	return out, nil
}

func (s *records) ChangeRecord(_ context.Context, c broker.RecordRequest) (broker.RecordChanged, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.done[c.ID]; ok {
		return broker.RecordChanged{Record: r, Repeated: true}, nil
	}
	was, ok := s.all[c.Patient.Digits()]
	switch {
	case ok && c.New:
		return broker.RecordChanged{}, broker.ErrRecordExists
	case c.New:
		return s.add(c)
	case !ok:
		return broker.RecordChanged{}, store.ErrNotFound
	case !was.SupersededBy.IsZero():
		return broker.RecordChanged{}, broker.ErrSuperseded
	case c.Version != was.SCN:
		return broker.RecordChanged{}, store.ErrStale
	}
	after := was.Clone()
	if err := c.Edit(&after); err != nil {
		return broker.RecordChanged{}, err
	}
	if err := after.Check(); err != nil {
		return broker.RecordChanged{}, err
	}
	if len(demographics.Diff(&was, &after)) > 0 {
		after.SCN++
		s.all[c.Patient.Digits()], s.done[c.ID] = after, after
	}
	return broker.RecordChanged{Record: after}, nil
}

// add makes a new record. Its Edit may look for others meanwhile.
func (s *records) add(c broker.RecordRequest) (broker.RecordChanged, error) {
	r := demographics.Record{NHSNumber: c.Patient}
	s.mu.Unlock()
	err := c.Edit(&r)
	s.mu.Lock()
	if err != nil {
		return broker.RecordChanged{}, err
	}
	if c.Birth != nil {
		c.Birth.Born(&r, nil, c.Born)
		s.births = append(s.births, *c.Birth)
	}
	if err := r.Check(); err != nil {
		return broker.RecordChanged{}, err
	}
	r.SCN = 1
	s.all[c.Patient.Digits()], s.done[c.ID] = r, r
	return broker.RecordChanged{Record: r, Events: []broker.RecordEvent{{MessageID: c.ID.String()}}}, nil
}

// practices are the organisations that tests know.
type practices struct{}

func (practices) Organisation(_ context.Context, code nhs.ODSCode) (directory.Organisation, error) {
	switch code {
	case "B86056", "A20047":
		return directory.Organisation{Code: code, Practice: true}, nil
	case "RWF":
		return directory.Organisation{Code: code}, nil
	}
	return directory.Organisation{}, directory.ErrNotFound
}

// registry is a spine.Registry.
type registry map[nhs.ASID]spine.Registration

func (r registry) System(_ context.Context, asid nhs.ASID) (spine.Registration, bool, error) {
	s, ok := r[asid]
	return s, ok, nil
}

type fixture struct {
	t       testing.TB
	api     *API
	records *records
	systems registry
	now     time.Time
	mu      sync.Mutex
	audited []audit.Entry
}

func number(digits string) nhs.NHSNumber {
	n, err := nhs.ParseNHSNumber(digits)
	if err != nil {
		panic(err)
	}
	return n
}

func start(t testing.TB) *fixture {
	t.Helper()
	fx := &fixture{t: t, now: now, systems: registry{}, records: &records{all: map[string]demographics.Record{}, done: map[uuid.UUID]demographics.Record{}}}
	for _, r := range []demographics.Record{
		janeSmith(smith), {NHSNumber: number(old), SCN: 4, SupersededBy: number(smith), BirthDate: "2010-10-22", Names: []demographics.Name{{Use: "usual", Family: "Older", Given: []string{"Jane"}}}},
	} {
		fx.records.all[r.NHSNumber.Digits()] = r
	}
	r := janeSmith(restricted)
	r.Sensitive = true
	fx.records.all[restricted] = r
	r = janeSmith(withdrawn)
	r.Invalid = true
	fx.records.all[withdrawn] = r
	next := 0
	fx.api = New(Config{
		Records: fx.records, Organisations: practices{}, Systems: fx.systems, Open: true, Now: func() time.Time { return fx.now },
		Base: func(*http.Request) string { return "https://pds.example" }, Log: slog.New(slog.DiscardHandler), TokenKey: bytes.Repeat([]byte("k"), 32),
		Record: func(e audit.Entry) { fx.mu.Lock(); defer fx.mu.Unlock(); fx.audited = append(fx.audited, e) },
	})
	fx.api.newID = func() string { next++; return "NEW" + itoa(next) }
	return fx
}

func janeSmith(digits string) demographics.Record {
	from := demographics.Period{Start: "2020-01-01"}
	return demographics.Record{
		NHSNumber: number(digits), SCN: 2, Gender: "female", BirthDate: "2010-10-22", BirthOrder: 1, Ethnicity: "A",
		Names:     []demographics.Name{{ID: "123", Use: "usual", Prefix: []string{"Mrs"}, Given: []string{"Jane", "Anne"}, Family: "Smith", Suffix: []string{"MBE"}, Period: from}},
		Addresses: []demographics.Address{{ID: "456", Use: "home", Lines: []string{"1 Trevelyan Square", "", "Boar Lane", "Leeds", "West Yorkshire"}, Postcode: "LS1 6AE", UPRN: "123456789012", PAF: "12345678", Period: from}},
		Telecoms:  []demographics.Telecom{{ID: "789", System: "phone", Use: "home", Value: "01632960587", Period: from}, {ID: "790", System: "email", Use: "home", Value: "jane.smith@example.com", Period: from}},
		Contacts:  []demographics.Contact{{ID: "C123", Name: "a neighbour", Phone: "01632960588", Period: from}},
		Relatives: []demographics.Relative{{ID: "R1", NHSNumber: restricted, Relationship: "NMTH"}, {ID: "R2", Family: "Smith", Given: "John", Relationship: "GRFTH"}},
		Practice:  &demographics.Registration{ID: "254406A3", Practice: "B86056", Start: "2020-01-01"},
		Pharmacy:  "Y12345", Dispenser: "Y23456", Appliances: "Y34567", Language: "fr", Interpreter: true,
		Preferences: &demographics.Preferences{Format: "12", Method: "1", Times: "Not after 7pm"},
		Birthplace:  &demographics.Birthplace{City: "Manchester", District: "Greater Manchester", Country: "GBR"},
	}
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   map[string]any
}

// code is the Spine code of an OperationOutcome, and what it says.
func (r reply) code() (code, diagnostics string) {
	code, _ = at(r.body, "issue", 0, "details", "coding", 0, "code").(string)
	diagnostics, _ = at(r.body, "issue", 0, "diagnostics").(string)
	return code, diagnostics
}

// at walks into a value.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o, _ := v.(map[string]any)
			v = o[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

// ask sends a request with the headers that each must have. A header set to "" is left out.
func (fx *fixture) ask(method, path, body string, headers map[string]string) reply {
	fx.t.Helper()
	if !strings.HasPrefix(path, "/oauth2") && !strings.HasPrefix(path, "/personal") {
		path = Base + path
	}
	r := httptest.NewRequest(method, "https://pds.example"+path, strings.NewReader(body))
	r.Header.Set("X-Request-ID", uuid.NewString())
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/json-patch+json")
		r.Header.Set("If-Match", `W/"2"`)
	}
	for name, value := range headers {
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	w := httptest.NewRecorder()
	fx.api.ServeHTTP(w, r)
	out := reply{status: w.Code, header: w.Header()}
	text, _ := io.ReadAll(w.Body)
	if err := json.Unmarshal(text, &out.body); err != nil {
		fx.t.Errorf("%s %s: not JSON: %q", method, path, text)
	}
	return out
}

func (fx *fixture) get(path string) reply { fx.t.Helper(); return fx.ask("GET", path, "", nil) }

func (fx *fixture) patch(digits, patches string) reply {
	fx.t.Helper()
	return fx.ask("PATCH", "/Patient/"+digits, `{"patches":[`+patches+`]}`, nil)
}
