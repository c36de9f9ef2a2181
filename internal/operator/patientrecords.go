package operator

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/demographics"
	"nems/internal/nhs"
	"nems/internal/store"
)

// Records keeps patients' records and publishes the events of their changes. Safe
// for concurrent use.
type Records interface {
	broker.RecordFinder
	// ChangeRecord is broker.Broker's.
	ChangeRecord(ctx context.Context, r broker.RecordRequest) (broker.RecordChanged, error)
	// LoadRecords is broker.Broker's.
	LoadRecords(ctx context.Context, by access.Caller, all []demographics.Record) (loaded int, err error)
}

// RecordFilter selects patients' records. Fields that are empty do not filter.
type RecordFilter struct {
	Family   string      `json:"family,omitempty" jsonschema:"the beginning of a family name, also of one that is no longer in use; case, accents and punctuation do not count"`
	BornFrom string      `json:"bornFrom,omitempty" jsonschema:"born not before this day: YYYY-MM-DD"`
	BornTo   string      `json:"bornTo,omitempty" jsonschema:"born not after this day: YYYY-MM-DD"`
	Postcode string      `json:"postcode,omitempty" jsonschema:"the beginning of the postcode of an address"`
	Practice nhs.ODSCode `json:"practice,omitempty" jsonschema:"the ODS code of the GP practice"`
}

// RecordRow is a patient's record in a list.
type RecordRow struct {
	Patient      string      `json:"patient" jsonschema:"the NHS number"`
	Version      int64       `json:"version" jsonschema:"the serial change number (SCN)"`
	Updated      time.Time   `json:"updated"`
	Family       string      `json:"family,omitempty"`
	Given        []string    `json:"given,omitempty"`
	BirthDate    string      `json:"birthDate,omitempty"`
	Postcode     string      `json:"postcode,omitempty"`
	Practice     nhs.ODSCode `json:"practice,omitempty"`
	Death        string      `json:"death,omitempty" jsonschema:"the status of the death: 1 informal, 2 formal, U removed"`
	Sensitive    bool        `json:"sensitive,omitempty"`
	Invalid      bool        `json:"invalid,omitempty"`
	SupersededBy string      `json:"supersededBy,omitempty"`
}

func newRecordRow(r *demographics.Record) RecordRow {
	p := r.Directory()
	row := RecordRow{
		Patient: r.NHSNumber.Digits(), Version: r.SCN, Updated: r.Updated, Family: p.Family, Given: p.Given, BirthDate: r.BirthDate,
		Postcode: p.Postcode, Practice: p.GP, Sensitive: r.Sensitive, Invalid: r.Invalid, SupersededBy: r.SupersededBy.Digits(),
	}
	if r.Death != nil {
		row.Death = r.Death.Status
	}
	return row
}

// findRecords lists the records that are kept here, by their numbers. Patients of
// whom only the directory knows are not among them. That somebody looked is recorded.
func (d Desk) findRecords(ctx context.Context, s Search[RecordFilter]) (none Page[RecordRow], err error) {
	if d.Records == nil {
		return none, errNoRecords
	}
	q, err := s.Filter.query()
	if err != nil {
		return none, err
	}
	l, err := list[int64](d, "records", s.Filter, s.Paging)
	if err != nil {
		return none, err
	}
	if s.After == "" {
		d.Store.Record(d.entry(audit.ActionFindRecords, ""))
	}
	q.Limit = l.limit + 1
	if l.after != 0 {
		q.After = store.KnownPatient(&l.after)
	}
	found, err := d.Records.FindRecords(ctx, q)
	if err != nil {
		return none, recordError(err)
	}
	out := Page[RecordRow]{Items: []RecordRow{}}
	for i := range found[:min(len(found), l.limit)] {
		out.Items = append(out.Items, newRecordRow(&found[i]))
	}
	if len(found) > l.limit {
		out.Next, err = d.seal(l.name, l.filter, store.PackPatient(found[l.limit-1].NHSNumber))
	}
	return out, err
}

func (f RecordFilter) query() (q demographics.Query, err error) {
	q = demographics.Query{
		Family: demographics.FoldName(f.Family), Postcode: demographics.FoldPostcode(f.Postcode), BirthFrom: f.BornFrom, BirthTo: f.BornTo, Practice: f.Practice,
	}
	for _, day := range []struct{ field, value string }{{"bornFrom", f.BornFrom}, {"bornTo", f.BornTo}} {
		if _, err := time.Parse(time.DateOnly, day.value); day.value != "" && err != nil {
			return q, expected(day.field, "a day: YYYY-MM-DD", day.value)
		}
	}
	return q, nil
}

// RecordReading asks for a patient's record.
type RecordReading struct {
	Patient string `json:"patient" jsonschema:"an NHS number"`
	Reason  string `json:"reason" jsonschema:"why it is read, for the audit"`
}

// PatientRecord is a patient's record, with what is kept of its history.
type PatientRecord struct {
	Summary RecordRow           `json:"summary"`
	Record  demographics.Record `json:"record"`
	// Versions are the newest ones of the record, the newest first; none of a patient
	// of whom only the directory knows.
	Versions []RecordVersion `json:"versions"`
}

// RecordVersion says how a version of a record came about.
type RecordVersion struct {
	Version int64          `json:"version"`
	Updated time.Time      `json:"updated"`
	By      string         `json:"by,omitempty"`
	Events  []VersionEvent `json:"events,omitempty" jsonschema:"the events that the change made, in the order in which they were published"`
}

// VersionEvent is an event that made a version known.
type VersionEvent struct {
	Event     int64  `json:"event"`
	EventType string `json:"eventType"`
	Withheld  bool   `json:"withheld,omitempty" jsonschema:"nobody got a copy: the patient is flagged"`
}

// RecordEvent is an event that the change of a record made.
type RecordEvent struct {
	Event     int64  `json:"event"`
	EventType string `json:"eventType"`
	MessageID string `json:"messageId,omitempty" jsonschema:"MessageHeader.id"`
	Copies    int    `json:"copies" jsonschema:"how many mailboxes got a copy; not known of a request that is repeated"`
	Withheld  bool   `json:"withheld,omitempty" jsonschema:"nobody got a copy: the patient is flagged"`
}

// shownVersions is how many versions of a record are shown.
const shownVersions = 50

// readRecord shows a patient's record. Who looked, and why, is recorded.
func (d Desk) readRecord(ctx context.Context, q RecordReading) (none PatientRecord, err error) {
	number, err := nhs.ParseNHSNumber(q.Patient)
	if err != nil {
		return none, invalid("patient", "patient: %s", err)
	}
	if q.Reason = strings.TrimSpace(q.Reason); q.Reason == "" || len(q.Reason) > mostReason {
		return none, expected("reason", "why the record is read, in at most 500 bytes", "")
	}
	if d.Records == nil {
		return none, errNoRecords
	}
	e := d.entry(audit.ActionReadRecord, "")
	e.Patient, e.Reason = number, q.Reason
	d.Store.Record(e)
	record, err := d.Records.PatientRecord(ctx, number)
	if err != nil {
		return none, recordError(err)
	}
	versions, err := d.Records.RecordVersions(ctx, number, shownVersions)
	if err != nil {
		return none, recordError(err)
	}
	out := PatientRecord{Summary: newRecordRow(&record), Record: record, Versions: []RecordVersion{}}
	for _, v := range versions {
		shown := RecordVersion{Version: v.SCN, Updated: v.Updated, By: v.Who}
		for _, e := range v.Events {
			shown.Events = append(shown.Events, VersionEvent{Event: int64(e.Event), EventType: e.Code, Withheld: e.Withheld})
		}
		out.Versions = append(out.Versions, shown)
	}
	return out, nil
}

// RecordChange asks for the change of a patient's record.
type RecordChange struct {
	// Patient travels in the body only, never in a URL.
	Patient string            `json:"patient" jsonschema:"an NHS number"`
	Edit    demographics.Edit `json:"edit" jsonschema:"what to change; what is left out stays as it is"`
	// Version refuses the change if the record has another one.
	Version int64 `json:"version,omitempty" jsonschema:"the version (SCN) that is to be changed; without it whichever counts"`
	New     bool  `json:"new,omitempty" jsonschema:"the patient has no record yet: make one"`
	// Request makes it safe to ask again: a request is done once.
	Request   string `json:"request,omitempty" jsonschema:"a UUID: a request that is repeated with the same one is done once"`
	ByCitizen bool   `json:"byCitizen,omitempty" jsonschema:"the patients changed it themselves"`
}

// RecordChanged is what a change came to.
type RecordChanged struct {
	Version  int64         `json:"version" jsonschema:"the version (SCN) of the record now"`
	Updated  time.Time     `json:"updated,omitzero"`
	Events   []RecordEvent `json:"events" jsonschema:"the events of the change, in the order in which they were published; none where nothing differs"`
	Repeated bool          `json:"repeated,omitempty" jsonschema:"the request was done before"`
}

// changeRecord changes a patient's record and publishes the events of the change.
func (d Desk) changeRecord(ctx context.Context, q RecordChange) (none RecordChanged, err error) {
	number, err := nhs.ParseNHSNumber(q.Patient)
	if err != nil {
		return none, invalid("patient", "patient: %s", err)
	}
	r := broker.RecordRequest{Patient: number, Version: q.Version, New: q.New, ByCitizen: q.ByCitizen, Caller: d.recordCaller()}
	if r.ID, err = requestID(q.Request); err != nil {
		return none, err
	}
	if d.Records == nil {
		return none, errNoRecords
	}
	r.Edit = func(record *demographics.Record) error { return q.Edit.Apply(record, d.Now()) }
	done, err := d.Records.ChangeRecord(ctx, r)
	if err != nil {
		return none, recordError(err)
	}
	return newRecordChanged(done), nil
}

func newRecordChanged(done broker.RecordChanged) RecordChanged {
	out := RecordChanged{Version: done.Record.SCN, Updated: done.Record.Updated, Repeated: done.Repeated, Events: []RecordEvent{}}
	for _, e := range done.Events {
		out.Events = append(out.Events, RecordEvent{Event: int64(e.Event), EventType: e.Code, MessageID: e.MessageID, Copies: e.Copies, Withheld: e.Withheld})
	}
	return out
}

// requestID reads the id of a request that there may be.
func requestID(text string) (id uuid.UUID, err error) {
	if text == "" {
		return id, nil
	}
	if id, err = uuid.Parse(text); err != nil {
		return id, expected("request", "a UUID", text)
	}
	return id, nil
}

// recordCaller is who changes a record, for the audit.
func (d Desk) recordCaller() access.Caller {
	return access.Caller{User: d.User, Certificate: d.Certificate, Interaction: access.Interaction{ID: d.Proof}, Request: d.Request}
}

var errNoRecords = conflict("the records of patients are asked of a service that runs: start it")

// recordError says for the desk what a change of a record is refused for.
func recordError(err error) error {
	var wrong *demographics.InvalidError
	switch {
	case errors.As(err, &wrong):
		return &Error{Code: Invalid, Field: wrong.Element, Expected: wrong.Expected, Received: wrong.Received, Message: wrong.Error()}
	case errors.Is(err, store.ErrNotFound):
		return &Error{Code: NotFound, Message: "there is no record of this NHS number, and the directory does not have it"}
	case errors.Is(err, store.ErrStale):
		return conflict("the record has another version by now: read it again")
	case errors.Is(err, broker.ErrRecordExists), errors.Is(err, broker.ErrSuperseded), errors.Is(err, broker.ErrNoRecords):
		return conflict("%s", err)
	}
	return err
}
