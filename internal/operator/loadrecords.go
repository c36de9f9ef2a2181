package operator

import (
	"context"

	"nems/internal/demographics"
	"nems/internal/nhs"
)

// RecordsToLoad are whole records.
type RecordsToLoad struct {
	Records []LoadedRecord `json:"records"`
}

// LoadedRecord is a whole record with its number.
type LoadedRecord struct {
	Patient string              `json:"patient" jsonschema:"the NHS number"`
	Record  demographics.Record `json:"record"`
}

// RecordsLoaded says how many records were new.
type RecordsLoaded struct {
	Loaded int `json:"loaded"`
	Known  int `json:"known" jsonschema:"patients who had a record already: it stays as it is"`
}

// mostLoaded is how many records one request loads.
const mostLoaded = 10_000

// loadRecords keeps records of patients who have none, without any event. All are
// checked before the first is kept.
func (d Desk) loadRecords(ctx context.Context, q RecordsToLoad) (none RecordsLoaded, err error) {
	if len(q.Records) > mostLoaded {
		return none, invalid("records", "records: expected at most %d; received %d", mostLoaded, len(q.Records))
	}
	if d.Records == nil {
		return none, errNoRecords
	}
	all := make([]demographics.Record, len(q.Records))
	for i, r := range q.Records {
		all[i] = r.Record
		if all[i].NHSNumber, err = nhs.ParseNHSNumber(r.Patient); err != nil {
			return none, invalid("records", "records[%d].patient: %s", i, err)
		}
		if err := all[i].Check(); err != nil {
			return none, invalid("records", "records[%d].record.%s", i, err)
		}
	}
	loaded, err := d.Records.LoadRecords(ctx, d.recordCaller(), all)
	if err != nil {
		return none, recordError(err)
	}
	return RecordsLoaded{Loaded: loaded, Known: len(all) - loaded}, nil
}
