package ledger

import (
	"context"
	"encoding/json"
	"math"
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
	current []any // the columns of patient_record
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
	var family, postcode string
	if name := c.Record.Usual(); name != nil {
		family = demographics.FoldName(name.Family)
	}
	if home := c.Record.Home(); home != nil {
		postcode = home.Postcode
	}
	return &PutRecord{change: c, row: row, current: []any{
		row.Patient, row.SCN, row.At, null(row.Superseded), family, c.Record.BirthDate, postcode, string(c.Record.PracticeCode()),
		c.Request[:], made, row.Body,
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
	tx.Later("INSERT INTO patient_change (event, patient) VALUES ($1, $2)", o.change.Position, o.row.Patient)
	tx.Record(o.change.Audit)
	return nil, nil
}

// write replaces the version that counts, and says how many rows that made. A first
// version that another transaction has written meanwhile is not replaced: that
// version was not seen.
func (o *PutRecord) write(tx Tx) (int64, error) {
	if o.change.Expected == 0 {
		return tx.Exec(`INSERT INTO patient_record (patient, scn, at, superseded, family, born, postcode, practice, request, made, body)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (patient) DO NOTHING`, o.current...)
	}
	kept, err := tx.Exec(`INSERT INTO patient_version (patient, scn, at, superseded, request, made, body, replaced)
		SELECT patient, scn, at, superseded, request, made, body, CAST($3 AS bigint) FROM patient_record WHERE patient = $1 AND scn = $2`+tx.Lock("patient_record"),
		o.row.Patient, o.change.Expected, o.row.At)
	if err != nil || kept == 0 {
		return 0, err
	}
	return tx.Exec(`UPDATE patient_record SET scn = $2, at = $3, superseded = $4, family = $5, born = $6, postcode = $7, practice = $8, request = $9, made = $10, body = $11
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

// PatientRecord is broker.RecordKeeper's.
func (l *Ledger) PatientRecord(ctx context.Context, n nhs.NHSNumber) (demographics.Record, error) {
	return store.First(read(ctx, l.engine.Read, scanRecord, "SELECT "+recordColumns+" FROM patient_record WHERE patient = $1", store.PackPatient(n)))
}

// RecordVersions is broker.RecordKeeper's.
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

// FindRecords is broker.RecordKeeper's.
func (l *Ledger) FindRecords(ctx context.Context, q demographics.Query) ([]demographics.Record, error) {
	after := int64(math.MinInt64)
	if !q.After.IsZero() {
		after = store.PackPatient(q.After)
	}
	where, args := []string{"patient > $1"}, []any{after}
	add := func(column, compare, value string) {
		if value != "" {
			args = append(args, value)
			where = append(where, column+" "+compare+" $"+strconv.Itoa(len(args)))
		}
	}
	text := func(column, value string) {
		if begin, open := strings.CutSuffix(value, "*"); open {
			add(column, ">=", begin)
			add(column, "<", begin+"\U0010FFFF")
			return
		}
		add(column, "=", value)
	}
	text("family", demographics.FoldName(q.Family))
	text("postcode", q.Postcode)
	add("born", ">=", q.BornFrom)
	add("born", "<=", q.BornTo)
	add("practice", "=", string(q.Practice))
	args = append(args, q.Max)
	return read(ctx, l.engine.View, scanRecord, "SELECT "+recordColumns+" FROM patient_record WHERE "+strings.Join(where, " AND ")+
		" ORDER BY patient LIMIT $"+strconv.Itoa(len(args)), args...)
}
