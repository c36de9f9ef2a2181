package demographics

import (
	"cmp"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/message"
)

// PublisherASID is the system as which demographics publishes: the Spine's, as in the
// examples of the specification.
const PublisherASID nhs.ASID = "477121000323"

// Writer writes the messages of a change. The same change makes the same bytes.
type Writer struct {
	// Organisation finds an organisation, or returns directory.ErrNotFound.
	Organisation func(nhs.ODSCode) (directory.Organisation, error)
	// ID returns the MessageHeader.id of the message of an event: a UUID.
	ID   func(event string) string
	Sent time.Time
	// ByCitizen says that the patient made the change; otherwise By is the
	// organisation that did, "" if that is not said.
	ByCitizen bool
	By        nhs.ODSCode
}

// Message writes the message of one event of a change. before is nil for a patient
// who is new.
func (w *Writer) Message(event string, before, after *Record) ([]byte, error) {
	if before == nil {
		before = &Record{}
	}
	h, p := w.header(event, after), patient(after)
	switch event {
	case ChangeOfGP:
		return w.changeOfGP(h, p, before, after)
	case ChangeOfAddress:
		return message.ChangeOfAddress{Header: h, Patient: p, Home: address(after, after.Home()), Old: ended(before, h.LastUpdated)}.XML()
	case DeathNotification:
		return message.Death{
			Header: h, Patient: p, Status: message.DeathStatus(after.Death.Status),
			SystemEffective: message.At(after.Death.Effective), Deceased: message.Date(after.Death.At),
		}.XML()
	default:
		m := message.RecordChange{Header: h, Patient: p, ByCitizen: w.ByCitizen}
		if w.By != "" && !w.ByCitizen {
			by, err := w.organisation(w.By)
			if err != nil {
				return nil, err
			}
			m.By = by
		}
		return m.XML()
	}
}

// header is what the messages of one change have in common, but for their ids.
func (w *Writer) header(event string, r *Record) message.Header {
	id := w.ID(event)
	space, n := uuid.MustParse(id), 0
	return message.Header{
		ID: id, Timestamp: w.Sent, LastUpdated: r.Updated, VersionID: "1",
		IDs: func() string { n++; return uuid.NewSHA1(space, []byte(strconv.Itoa(n))).String() },
	}
}

// patient is what all messages say of a patient. PDS's usual name is the official
// one of messages.
func patient(r *Record) message.Patient {
	p := message.Patient{
		NHSNumber: r.NHSNumber.Digits(), VersionID: strconv.FormatInt(r.SCN, 10),
		Gender: message.Gender(cmp.Or(r.Gender, "unknown")), BirthDate: message.Date(r.BirthDate),
	}
	if n := r.Usual(); n != nil {
		p.Names = []message.HumanName{{Prefix: n.Prefix, Given: n.Given, Family: n.Family, Suffix: n.Suffix}}
	}
	return p
}

func (w *Writer) changeOfGP(h message.Header, p message.Patient, before, after *Record) (_ []byte, err error) {
	m := message.ChangeOfGP{Header: h, Patient: p}
	if after.Practice != nil {
		if m.Practice, err = w.organisation(after.Practice.Practice); err != nil {
			return nil, err
		}
	}
	if before.Practice != nil {
		was, err := w.organisation(before.Practice.Practice)
		if err != nil {
			return nil, err
		}
		m.Previous = &message.Registration{Practice: *was, Start: message.Date(before.Practice.Start), End: notBefore(before.Practice.Start, h.LastUpdated)}
	}
	return m.XML()
}

// organisation names an organisation and who commissions it. One that the directory
// does not have goes by its code.
func (w *Writer) organisation(code nhs.ODSCode) (*message.Organisation, error) {
	found, err := w.Organisation(code)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return nil, err
	}
	o := &message.Organisation{ODS: string(code), Name: cmp.Or(found.Name, string(code))}
	if found.SubICB != "" && found.SubICB != code {
		if o.PartOf, err = w.organisation(found.SubICB); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// address is a home of the record. Where it is not known since when, it is since the
// patient's birth: messages need a start.
func address(r *Record, a *Address) message.Address {
	return message.Address{
		Lines: a.Lines, Postcode: a.Postcode, Start: message.Date(cmp.Or(a.Start, r.BirthDate)), End: message.Date(a.End),
	}
}

// ended is the home that a patient has left.
func ended(r *Record, at time.Time) message.Address {
	old := address(r, r.Home())
	if old.End == "" {
		old.End = notBefore(string(old.Start), at)
	}
	return old
}

// notBefore is the day of a moment, unless that is before a start.
func notBefore(start string, at time.Time) message.Date {
	return message.Date(max(day(start), at.UTC().Format(time.DateOnly)))
}
