package pds_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"nems/internal/directory"
	"nems/internal/directory/pds/pdstest"
	"nems/internal/nhs"
	"nems/publisher"
	"nems/publisher/pds"
)

// records is what PDS has.
type records map[string]directory.Patient

func (r records) Patient(_ context.Context, n nhs.NHSNumber) (directory.Patient, error) {
	p, known := r[n.Digits()]
	if !known {
		return directory.Patient{}, directory.ErrNotFound
	}
	p.NHSNumber = n
	return p, nil
}

func TestTrace(t *testing.T) {
	next, err := nhs.ParseNHSNumber("9990000204")
	if err != nil {
		t.Fatal(err)
	}
	born := time.Date(2017, 10, 2, 0, 0, 0, 0, time.UTC)
	jack := directory.Patient{Family: "DAWKINS", Given: []string{"Jack"}, BirthDate: born}
	flagged, replaced := jack, jack
	flagged.Sensitive, replaced.SupersededBy = true, next
	server := pdstest.Start(t, pdstest.Options{Patients: records{
		"9912003888": jack, "9434765919": flagged, "9990000212": replaced, "9990000204": jack, "9000000009": {Invalid: true},
	}})
	tracer, err := pds.New(pds.Config{
		URL: server.Base(), TokenURL: server.TokenURL(), APIKey: pdstest.APIKey, KeyID: pdstest.KeyID, Key: pdstest.Key(), HTTP: server.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close()
	whole := publisher.Traced{NHSNumber: "9912003888", Family: "DAWKINS", Given: []string{"Jack"}, BirthDate: "2017-10-02"}
	for number, want := range map[string]publisher.Traced{
		"9912003888": whole, "9434765919": {NHSNumber: "9434765919", Sensitive: true},
		"9990000212": {NHSNumber: "9990000204"}, "9000000009": {Invalid: true},
	} {
		got, err := tracer.Trace(t.Context(), number)
		if err != nil || got.Sensitive != want.Sensitive || got.Invalid != want.Invalid || want.NHSNumber != "" && got.NHSNumber != want.NHSNumber {
			t.Errorf("%s: received %+v, %v; expected %+v", number, got, err, want)
		}
		if want.Family != "" && (got.Family != want.Family || !slices.Equal(got.Given, want.Given) || got.BirthDate != want.BirthDate) {
			t.Errorf("%s: received %+v; expected %+v", number, got, want)
		}
	}
	for _, number := range []string{"9449306621", "123"} {
		if _, err := tracer.Trace(t.Context(), number); !errors.Is(err, publisher.ErrNotTraced) {
			t.Errorf("%s: received %v; expected ErrNotTraced", number, err)
		}
	}
	server.Always(pdstest.Patient, pdstest.All()[0])
	if _, err := tracer.Trace(t.Context(), "9912003888"); err != nil && !errors.Is(err, publisher.ErrAway) {
		t.Errorf("received %v; expected ErrAway", err)
	}
}
