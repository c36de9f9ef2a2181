package audit

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"

	"nems/internal/nhs"
)

// The first byte of every encoded entry. Stored entries are hashed, so a change of
// the layout needs a new version, and the old ones stay readable.
const (
	encodingVersion = 1
	withRequest     = 2 // the same, and then the 16 bytes of the request's id
)

// ErrEncoding says that bytes are not an encoded entry of a known version.
var ErrEncoding = errors.New("not an audit entry of a known version")

// Encode returns the entry in its stored form: a version byte, the moment in
// microseconds, then the fields in their order, each text preceded by its
// length, and last the id of the request if there is one. The result contains the
// patient's number, so it belongs in the audit only.
func (e Entry) Encode() []byte {
	b := make([]byte, 0, 208)
	if e.Request == uuid.Nil {
		b = append(b, encodingVersion)
	} else {
		b = append(b, withRequest)
	}
	b = binary.AppendVarint(b, e.At.UnixMicro())
	for _, s := range e.texts() {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendVarint(b, int64(e.Status))
	b = binary.AppendVarint(b, int64(e.Count))
	if e.Request != uuid.Nil {
		b = append(b, e.Request[:]...)
	}
	return b
}

// texts lists the text fields in the order of the encoding. New fields need a
// new version.
func (e *Entry) texts() [12]string {
	return [...]string{string(e.Action), e.Certificate, string(e.ASID), string(e.ODS), e.User, e.Reason,
		e.Interaction, e.Object, e.EventType, e.Patient.Digits(), e.Mailbox, e.Outcome}
}

// Decode reads what Encode wrote. The moment is exact to the microsecond, in
// UTC. It returns ErrEncoding for anything else.
func Decode(b []byte) (Entry, error) {
	d := decoder{rest: b}
	version, ok := d.byte()
	if !ok || !known(version) {
		return Entry{}, ErrEncoding
	}
	e := Entry{At: time.UnixMicro(d.varint()).UTC()}
	var asid, ods, patient string
	for _, field := range []*string{(*string)(&e.Action), &e.Certificate, &asid, &ods, &e.User, &e.Reason,
		&e.Interaction, &e.Object, &e.EventType, &patient, &e.Mailbox, &e.Outcome} {
		*field = d.text()
	}
	e.ASID, e.ODS = nhs.ASID(asid), nhs.ODSCode(ods)
	e.Status, e.Count = int(d.varint()), int(d.varint())
	if patient != "" {
		n, err := nhs.ParseNHSNumber(patient)
		if err != nil || n.Digits() != patient {
			return Entry{}, ErrEncoding
		}
		e.Patient = n
	}
	if version == withRequest {
		e.Request = d.id()
	}
	if d.failed || len(d.rest) != 0 {
		return Entry{}, ErrEncoding
	}
	return e, nil
}

// known reports whether this program reads a version of the encoding.
func known(version byte) bool { return version == encodingVersion || version == withRequest }

// decoder reads from the front of rest. After a failure it returns zero values.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) byte() (byte, bool) {
	if len(d.rest) == 0 {
		return 0, false
	}
	v := d.rest[0]
	d.rest = d.rest[1:]
	return v, true
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes() []byte {
	size, n := binary.Uvarint(d.rest)
	if n <= 0 || size > uint64(len(d.rest)-n) {
		d.fail()
		return nil
	}
	s := d.rest[n : n+int(size)]
	d.rest = d.rest[n+int(size):]
	return s
}

// id reads the id of a request; a zero one is never written.
func (d *decoder) id() (id uuid.UUID) {
	if n := copy(id[:], d.rest); n < len(id) || id == uuid.Nil {
		d.fail()
		return uuid.Nil
	}
	d.rest = d.rest[len(id):]
	return id
}

func (d *decoder) text() string { return string(d.bytes()) }

func (d *decoder) fail() { d.failed, d.rest = true, nil }
