package ledger

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"nems/internal/demographics"
	"nems/internal/nhs"
	"nems/internal/store"
)

// PutRecord writes the new version of a patient's record. The engines apply it
// together with accepting the events of the change. It is refused with
// store.ErrStale where the stored version is not the expected one.
type PutRecord struct {
	change  *store.RecordChange
	row     store.PatientRow
	keys    []recordKey
	current []any // the columns of patient_record
}

// recordKey is what people find a record by, beside the columns of patient_record.
type recordKey struct {
	kind  int64
	value string
}

// Kinds of keys. Their numbers are stored.
const (
	familyKey   = 1
	postcodeKey = 2
)

// keysOf returns the keys of a record, each once.
func keysOf(r *demographics.Record) (keys []recordKey) {
	add := func(kind int64, value string) {
		if k := (recordKey{kind, value}); value != "" && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, n := range r.Names {
		add(familyKey, demographics.FoldName(n.Family))
	}
	for _, a := range r.Addresses {
		add(postcodeKey, demographics.FoldPostcode(a.Postcode))
	}
	return keys
}

// NewPutRecord prepares a change.
func NewPutRecord(c *store.RecordChange) (*PutRecord, error) {
	row, err := store.NewPatientRow(&c.Record)
	if err != nil {
		return nil, err
	}
	made, err := json.Marshal(c.Made())
	if err != nil {
		return nil, err
	}
	return &PutRecord{change: c, row: row, keys: keysOf(&c.Record), current: []any{
		row.Patient, row.SCN, row.At, null(row.Superseded), c.Record.BirthDate, string(c.Record.PracticeCode()), c.Request[:], made, row.Body,
	}}, nil
}

// null is a column's value: NULL for nil.
func null(v *int64) any {
	if v == nil {
		return nil
	}
	return *v
}

// Apply implements Op.
func (o *PutRecord) Apply(tx Tx) (any, error) {
	written, err := o.write(tx)
	if err != nil {
		return nil, err
	}
	if written == 0 {
		return nil, refuse(store.ErrStale)
	}
	tx.Later("DELETE FROM patient_key WHERE patient = $1", o.row.Patient)
	for _, k := range o.keys {
		tx.Later("INSERT INTO patient_key (kind, value, patient) VALUES ($1, $2, $3)", k.kind, k.value, o.row.Patient)
	}
	if o.change.Position != 0 {
		tx.Later("INSERT INTO patient_change (event, patient) VALUES ($1, $2)", o.change.Position, o.row.Patient)
	}
	tx.Record(o.change.Audit)
	return nil, nil
}

// write replaces the version that counts, and says how many rows that made. A first
// version that another transaction has written meanwhile is not replaced: that
// version was not seen.
func (o *PutRecord) write(tx Tx) (int64, error) {
	if o.change.Expected == 0 {
		return tx.Exec(`INSERT INTO patient_record (patient, scn, at, superseded, born, practice, request, made, body)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (patient) DO NOTHING`, o.current...)
	}
	kept, err := tx.Exec(`INSERT INTO patient_version (patient, scn, at, superseded, request, made, body, replaced)
		SELECT patient, scn, at, superseded, request, made, body, CAST($3 AS bigint) FROM patient_record WHERE patient = $1 AND scn = $2`+tx.Lock("patient_record"),
		o.row.Patient, o.change.Expected, o.row.At)
	if err != nil || kept == 0 {
		return 0, err
	}
	return tx.Exec(`UPDATE patient_record SET scn = $2, at = $3, superseded = $4, born = $5, practice = $6, request = $7, made = $8, body = $9
		WHERE patient = $1`, o.current...)
}

const recordColumns = "patient, scn, at, superseded, body"

func scanRecord(r Row) (demographics.Record, error) {
	var row store.PatientRow
	if err := r.Scan(&row.Patient, &row.SCN, &row.At, &row.Superseded, &row.Body); err != nil {
		return demographics.Record{}, err
	}
	return row.Record()
}

// PatientRecord is broker.RecordFinder's.
func (l *Ledger) PatientRecord(ctx context.Context, n nhs.NHSNumber) (demographics.Record, error) {
	return store.First(read(ctx, l.engine.Read, scanRecord, "SELECT "+recordColumns+" FROM patient_record WHERE patient = $1", store.PackPatient(n)))
}

// RecordVersions is broker.RecordFinder's.
func (l *Ledger) RecordVersions(ctx context.Context, n nhs.NHSNumber, max int) ([]store.RecordVersion, error) {
	return read(ctx, l.engine.Read, scanVersion, "SELECT "+recordColumns+", request, made FROM patient_record WHERE patient = $1 UNION ALL SELECT "+
		recordColumns+", request, made FROM patient_version WHERE patient = $1 ORDER BY scn DESC LIMIT $2", store.PackPatient(n), max)
}

func scanVersion(r Row) (v store.RecordVersion, err error) {
	var row store.PatientRow
	var request, made []byte
	if err := r.Scan(&row.Patient, &row.SCN, &row.At, &row.Superseded, &row.Body, &request, &made); err != nil {
		return v, err
	}
	if v.Record, err = row.Record(); err != nil {
		return v, err
	}
	if v.Request, err = uuid.FromBytes(request); err != nil {
		return v, store.ErrDamaged
	}
	var how store.Made
	if err := json.Unmarshal(made, &how); err != nil {
		return v, store.ErrDamaged
	}
	v.Who, v.Events = how.Who, how.Events
	return v, nil
}

// FindRecords is broker.RecordFinder's.
func (l *Ledger) FindRecords(ctx context.Context, q demographics.Query) ([]demographics.Record, error) {
	after := int64(math.MinInt64)
	if !q.After.IsZero() {
		after = store.PackPatient(q.After)
	}
	args := []any{after}
	param := func(value any) string {
		args = append(args, value)
		return "$" + strconv.Itoa(len(args))
	}
	where := []string{"patient > $1"}
	for _, c := range []struct{ condition, value string }{
		{"born >= ", q.BirthFrom}, {"born <= ", q.BirthTo}, {"practice = ", string(q.Practice)},
	} {
		if c.value != "" {
			where = append(where, c.condition+param(c.value))
		}
	}
	for _, k := range []recordKey{{familyKey, q.Family}, {postcodeKey, q.Postcode}} {
		if k.value != "" {
			where = append(where, "patient IN (SELECT patient FROM patient_key WHERE kind = "+param(k.kind)+
				" AND value >= "+param(k.value)+" AND value < "+param(k.value+"\U0010FFFF")+")")
		}
	}
	return read(ctx, l.engine.View, scanRecord,
		"SELECT "+recordColumns+" FROM patient_record WHERE "+strings.Join(where, " AND ")+" ORDER BY patient LIMIT "+param(q.Limit), args...)
}
