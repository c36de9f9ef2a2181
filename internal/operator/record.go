package operator

import (
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"nems/internal/audit"
	"nems/internal/nhs"
)

// Record is an audit entry with its place in the chain, as it is shown and
// exported. It holds the patient's number: the audit is where that belongs.
type Record struct {
	Chain       int64        `json:"chain,omitempty"`
	Link        int64        `json:"link,omitempty"`
	At          time.Time    `json:"at"`
	Action      audit.Action `json:"action"`
	Certificate string       `json:"certificate,omitempty"`
	ASID        nhs.ASID     `json:"asid,omitempty"`
	ODS         nhs.ODSCode  `json:"ods,omitempty"`
	User        string       `json:"user,omitempty"`
	Reason      string       `json:"reason,omitempty"`
	Interaction string       `json:"interaction,omitempty"`
	Object      string       `json:"object,omitempty"`
	EventType   string       `json:"eventType,omitempty"`
	Patient     string       `json:"patient,omitempty"`
	Mailbox     string       `json:"mailbox,omitempty"`
	Outcome     string       `json:"outcome,omitempty"`
	Status      int          `json:"status,omitempty"`
	Count       int          `json:"count,omitempty"`
	Request     string       `json:"request,omitempty" jsonschema:"the id of the request (X-Request-ID)"`
}

// texts lists the fields that are text, for what is done to all of them.
func (r *Record) texts() []*string {
	return []*string{(*string)(&r.Action), &r.Certificate, (*string)(&r.ASID), (*string)(&r.ODS), &r.User, &r.Reason,
		&r.Interaction, &r.Object, &r.EventType, &r.Mailbox, &r.Outcome}
}

// escape opens a text that JSON cannot hold: the bytes follow in hex. A refused
// request may have brought any bytes, and the chain binds them.
const escape = "\x00"

func newRecord(e audit.Entry) Record {
	r := Record{At: e.At, Action: e.Action, Certificate: e.Certificate, ASID: e.ASID, ODS: e.ODS, User: e.User,
		Reason: e.Reason, Interaction: e.Interaction, Object: e.Object, EventType: e.EventType, Patient: e.Patient.Digits(),
		Mailbox: e.Mailbox, Outcome: e.Outcome, Status: e.Status, Count: e.Count}
	if e.Request != uuid.Nil {
		r.Request = e.Request.String()
	}
	for _, s := range r.texts() {
		if !utf8.ValidString(*s) || strings.HasPrefix(*s, escape) {
			*s = escape + hex.EncodeToString([]byte(*s))
		}
	}
	return r
}

// entry is the entry that the record was made of.
func (r Record) entry() (audit.Entry, error) {
	for _, s := range r.texts() {
		if coded, ok := strings.CutPrefix(*s, escape); ok {
			raw, err := hex.DecodeString(coded)
			if err != nil {
				return audit.Entry{}, errors.New("a text is coded in a way that this program does not use")
			}
			*s = string(raw)
		}
	}
	e := audit.Entry{At: r.At, Action: r.Action, Certificate: r.Certificate, ASID: r.ASID, ODS: r.ODS, User: r.User,
		Reason: r.Reason, Interaction: r.Interaction, Object: r.Object, EventType: r.EventType,
		Mailbox: r.Mailbox, Outcome: r.Outcome, Status: r.Status, Count: r.Count}
	var err error
	if r.Request != "" {
		if e.Request, err = uuid.Parse(r.Request); err != nil {
			return audit.Entry{}, errors.New("request: expected a UUID")
		}
	}
	if r.Patient == "" {
		return e, nil
	}
	e.Patient, err = nhs.ParseNHSNumber(r.Patient)
	return e, err
}
