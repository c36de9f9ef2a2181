package operator

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"

	"nems/internal/broker"
	"nems/internal/demographics"
	"nems/internal/nhs"
)

// BirthToNotify asks for the record of a newborn, whose birth is notified.
type BirthToNotify struct {
	// Patient is the baby's number; PDS gives one to a newborn, and so does the desk.
	Patient  string             `json:"patient,omitempty" jsonschema:"the baby's NHS number; by default a free one of the range for tests"`
	Born     time.Time          `json:"born,omitzero" jsonschema:"when the baby was born; by default now"`
	Given    []string           `json:"given,omitempty" jsonschema:"the baby's given names; by default Baby"`
	Family   string             `json:"family,omitempty" jsonschema:"by default the mother's"`
	Gender   string             `json:"gender,omitempty" jsonschema:"male, female, other or unknown"`
	Order    int                `json:"order,omitempty" jsonschema:"the place in the order of birth, 1 to 7; by default 1"`
	Postcode string             `json:"postcode,omitempty" jsonschema:"the postcode of the baby's home; by default the mother's home"`
	Lines    []string           `json:"lines,omitempty" jsonschema:"the lines of the address of the baby's home"`
	Birth    demographics.Birth `json:"birth"`
	Request  string             `json:"request,omitempty" jsonschema:"a UUID: a request that is repeated with the same one is done once"`
}

// BirthNotified is what a birth came to.
type BirthNotified struct {
	Patient string        `json:"patient" jsonschema:"the baby's NHS number"`
	Changed RecordChanged `json:"changed"`
}

// notifyBirth makes the record of a newborn and notifies the birth.
func (d Desk) notifyBirth(ctx context.Context, q BirthToNotify) (none BirthNotified, err error) {
	if d.Records == nil {
		return none, errNoRecords
	}
	if births := max(q.Birth.Births, 1); q.Order < 0 || q.Order > births {
		return none, expected("order", fmt.Sprintf("1 to %d, the number of births", births), strconv.Itoa(q.Order))
	}
	if q.Patient != "" && q.Patient == q.Birth.Mother {
		return none, expected("patient", "another number than the mother's", "")
	}
	r := broker.RecordRequest{New: true, Birth: &q.Birth, Born: q.Born, Caller: d.recordCaller()}
	if r.Born.IsZero() {
		r.Born = d.Now()
	}
	if r.ID, err = requestID(q.Request); err != nil {
		return none, err
	}
	r.Edit = func(record *demographics.Record) error {
		record.BirthOrder = q.Order
		e := demographics.Edit{Family: q.Family, Given: q.Given, Gender: q.Gender, Postcode: q.Postcode, Lines: q.Lines}
		return e.Apply(record, r.Born)
	}
	chance := rand.New(rand.NewPCG(rand.Uint64(), 0))
	if r.ID != uuid.Nil { // the same request finds the same number
		chance = rand.New(rand.NewPCG(binary.BigEndian.Uint64(r.ID[:8]), binary.BigEndian.Uint64(r.ID[8:])))
	}
	for range triedNumbers {
		if r.Patient, err = newborn(q.Patient, chance); err != nil {
			return none, err
		}
		done, err := d.Records.ChangeRecord(ctx, r)
		switch {
		case errors.Is(err, broker.ErrRecordExists) && q.Patient == "":
			continue // the number is somebody's
		case err != nil:
			return none, recordError(err)
		}
		return BirthNotified{Patient: r.Patient.Digits(), Changed: newRecordChanged(done)}, nil
	}
	return none, conflict("nearly all numbers of the range for tests are in use: give the baby's number")
}

// triedNumbers is how many numbers are tried for a newborn.
const triedNumbers = 100

// newborn is the number of a newborn: the given one, or one of the range for tests.
func newborn(given string, chance *rand.Rand) (nhs.NHSNumber, error) {
	if given == "" {
		for {
			if number, exists := nhs.TestNumber(chance.IntN(nhs.TestNumbers)); exists {
				return number, nil
			}
		}
	}
	number, err := nhs.ParseNHSNumber(given)
	if err != nil {
		return number, invalid("patient", "patient: %s", err)
	}
	return number, nil
}
