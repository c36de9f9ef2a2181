package pdsapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/store"
)

// unread says why a body could not be read; nil if it was.
func unread(err error) *Fault {
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return &Fault{Status: http.StatusRequestEntityTooLarge, Code: invalidUpdate, Diagnostics: fmt.Sprintf("Invalid update with error - the body has more than %d bytes", maxBody)}
	}
	return badUpdate("the body did not arrive whole")
}

// formerly is the score at most of who was known under what somebody looks for, but is
// not any more.
const formerly = 0.9

// supersededAtMost is how many times in a row a number may be superseded.
const supersededAtMost = 10

// current returns the record that counts for a number: that of the number which
// supersedes it, if one does. An invalidated one is no record.
func (a *API) current(ctx context.Context, n nhs.NHSNumber) (demographics.Record, error) {
	for range supersededAtMost {
		r, err := a.Records.PatientRecord(ctx, n)
		switch {
		case err != nil:
			return r, err
		case !r.SupersededBy.IsZero():
			n = r.SupersededBy
			continue
		case r.Invalid:
			return r, &Fault{Status: http.StatusNotFound, Code: invalidated}
		}
		return r, nil
	}
	return demographics.Record{}, &Fault{Status: http.StatusNotFound, Code: invalidated}
}

// read answers GET /Patient/{id}.
func (a *API) read(x *exchange) error {
	r, err := a.current(x.r.Context(), x.patient)
	if err != nil {
		return err
	}
	a.audit(x, audit.ActionReadRecord, x.patient, http.StatusOK, "")
	x.record(r)
	return nil
}

// record answers with a record.
func (x *exchange) record(r demographics.Record) {
	x.w.Header().Set("ETag", etag(r))
	x.write(http.StatusOK, encode(r, whole))
}

var versionForm = regexp.MustCompile(`^W/"([0-9]{1,18})"$`)

// patch answers PATCH /Patient/{id}.
func (a *API) patch(x *exchange) error {
	if kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || kind != "application/json-patch+json" {
		return badRequest(unsupportedService, "The Content-Type must be application/json-patch+json")
	}
	match := x.r.Header.Get("If-Match")
	version := versionForm.FindStringSubmatch(match)
	switch {
	case match == "":
		return &Fault{Status: http.StatusPreconditionFailed, Code: preconditionFailed, Diagnostics: "Invalid request with error - If-Match header must be supplied to update this resource"}
	case version == nil:
		return &Fault{Status: http.StatusPreconditionFailed, Code: preconditionFailed, Diagnostics: "Invalid value - " + quote(match) + " in header 'If-Match' - expected W/\"2\" with the number of the version"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	if fault := unread(err); fault != nil {
		return fault
	}
	if _, err := a.Records.PatientRecord(x.r.Context(), x.patient); err != nil {
		return err
	}
	patches, fault := parsePatches(body)
	if fault != nil {
		return fault
	}
	expected, _ := strconv.ParseInt(version[1], 10, 64)
	if expected == 0 {
		return store.ErrStale // records begin with 1
	}
	done, err := a.Records.ChangeRecord(x.r.Context(), broker.RecordRequest{
		Patient: x.patient, Version: expected, ID: x.changeID(match, body), Caller: x.caller,
		Edit: func(r *demographics.Record) error { return a.edit(x, r, patches) },
	})
	if err != nil {
		return err
	}
	x.record(done.Record)
	return nil
}

// changeID is the id of a change. It is the same for a request that is sent again,
// and another one where only its X-Request-ID is.
func (x *exchange) changeID(match string, body []byte) uuid.UUID {
	text := strings.Join([]string{string(x.caller.ASID), x.patient.Digits(), strings.ToLower(x.r.Header.Get("X-Request-ID")), match, string(body)}, "\n")
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(text))
}

// edit applies patches to a record. It changes all of it or nothing.
func (a *API) edit(x *exchange, r *demographics.Record, patches []patch) error {
	if r.Invalid {
		return &Fault{Status: http.StatusNotFound, Code: invalidated}
	}
	now := a.Now()
	old := withIDs(*r)
	tree := treeOf(encode(old, editable))
	changed, fault := apply(patches, tree)
	if fault != nil {
		return fault
	}
	after, fault := decode(old, tree, changed, now.UTC().Format(time.DateOnly), a.newID)
	if fault != nil {
		return fault
	}
	if reflect.DeepEqual(old, after.Clone()) {
		return nil // the record keeps its version
	}
	var failed error
	c := change{old: &old, new: &after, rights: x.rights, now: now, practice: func(code string) bool {
		is, err := a.isPractice(x.r.Context(), nhs.ODSCode(code))
		failed = err
		return is
	}}
	fault = c.check()
	if failed != nil {
		return failed
	}
	if fault != nil {
		return fault
	}
	*r = after
	return nil
}

// isPractice reports whether a code is that of an open GP practice.
func (a *API) isPractice(ctx context.Context, code nhs.ODSCode) (bool, error) {
	o, err := a.Organisations.Organisation(ctx, code)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	}
	return o.Practice && !o.Closed, err
}

type (
	bundle struct {
		ResourceType string  `json:"resourceType"`
		Type         string  `json:"type"`
		Timestamp    string  `json:"timestamp"`
		Total        int     `json:"total"`
		Entry        []entry `json:"entry,omitempty"`
	}
	entry struct {
		FullURL  string `json:"fullUrl"`
		Search   *score `json:"search,omitempty"`
		Resource any    `json:"resource"`
	}
	score struct {
		Score float64 `json:"score"`
	}
)

// Limits of one search: how many records are compared, and how many are read at once.
const (
	comparedAtMost = 5000
	comparedAtOnce = 500
)

// search answers GET /Patient.
func (a *API) search(x *exchange) error {
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return badRequest(invalidSearch, "Invalid search data provided - 'the parameters are not URL encoded'")
	}
	s, fault := parseSearch(query, !x.rights.Write)
	if fault != nil {
		return fault
	}
	hits, tooMany, err := a.find(x.r.Context(), &s)
	if err != nil {
		return err
	}
	if tooMany || len(hits) > s.most {
		a.audit(x, audit.ActionFindRecords, nhs.NHSNumber{}, http.StatusOK, "")
		x.write(http.StatusOK, outcomeOf(&Fault{Code: tooManyMatches}))
		return nil
	}
	rank(hits)
	out := bundle{ResourceType: "Bundle", Type: "searchset", Timestamp: instant(a.Now()), Total: len(hits)}
	for _, h := range hits {
		a.audit(x, audit.ActionFindRecords, h.record.NHSNumber, http.StatusOK, "")
		out.Entry = append(out.Entry, entry{a.Base(x.r) + Base + "/Patient/" + h.record.NHSNumber.Digits(), &score{h.score}, encode(h.record, found)})
	}
	if len(hits) == 0 {
		a.audit(x, audit.ActionFindRecords, nhs.NHSNumber{}, http.StatusOK, "")
	}
	x.write(http.StatusOK, out)
	return nil
}

// find returns the patients who match; tooMany if there are more than can be compared.
func (a *API) find(ctx context.Context, s *search) (hits []hit, tooMany bool, err error) {
	q, today := s.query(), a.Now().UTC().Format(time.DateOnly)
	q.Limit = comparedAtOnce
	for compared := 0; compared < comparedAtMost; compared += comparedAtOnce {
		page, err := a.Records.FindRecords(ctx, q)
		if err != nil {
			return nil, false, err
		}
		for _, r := range page {
			value, ok := s.match(r, today)
			if !ok || s.exact && value < 1 {
				continue
			}
			if !r.SupersededBy.IsZero() {
				if r.Sensitive {
					continue // its name must not lead to whom the patient is now
				}
				r, err = a.current(ctx, r.NHSNumber)
				var gone *Fault
				if errors.As(err, &gone) || errors.Is(err, store.ErrNotFound) {
					continue
				} else if err != nil {
					return nil, false, err
				}
				if _, now := s.match(r, today); !now {
					value = min(value, formerly)
				}
			}
			if !has(hits, r.NHSNumber) && !(s.wantsWhereabouts && r.Sensitive) {
				hits = append(hits, hit{r, value})
			}
		}
		if len(hits) > s.most {
			return nil, true, nil
		}
		if len(page) < q.Limit {
			return hits, false, nil
		}
		q.After = page[len(page)-1].NHSNumber
	}
	return nil, true, nil
}
