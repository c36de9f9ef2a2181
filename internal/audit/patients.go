package audit

import (
	"encoding/binary"

	"nems/internal/nhs"
)

// textsBeforePatient is how many texts precede the patient's number in an
// encoded entry (Entry.texts).
const textsBeforePatient = 9

// Patients calls each for every entry of the link, with its place in the link
// and the ten digits of its patient; digits is empty for an entry without one,
// and is good until each returns. It decodes nothing else, so that an audit of
// millions of entries can be gone through. It returns ErrEncoding for entries
// of an unknown version.
func (l Link) Patients(each func(entry int, digits []byte)) error {
	d := decoder{rest: l.Entries}
	for n := 0; len(d.rest) > 0; n++ {
		e := decoder{rest: d.bytes()}
		if version, ok := e.byte(); !ok || !known(version) {
			return ErrEncoding
		}
		e.varint() // the moment
		for range textsBeforePatient {
			e.bytes()
		}
		digits := e.bytes()
		if d.failed || e.failed {
			return ErrEncoding
		}
		each(n, digits)
	}
	return nil
}

// PatientKey is what the index of the audit files a patient's entries under. It
// spreads numbers evenly. It is no secret: the entries, which lie beside the
// index, have the number itself. Keys of different patients may be equal, so
// who looks one up reads the entries, too.
type PatientKey uint64

// KeyOf returns the key of a patient.
func KeyOf(n nhs.NHSNumber) PatientKey { return keyOf([]byte(n.Digits())) }

// keyOf returns the key of a number with these digits.
func keyOf(digits []byte) PatientKey {
	var n uint64
	for _, d := range digits {
		n = n*10 + uint64(d-'0')
	}
	return PatientKey(n * 0x9e3779b97f4a7c15) // 2 to the 64th over the golden ratio
}

// Bucket is the part of the index that has the key: 0 to Buckets-1.
func (k PatientKey) Bucket() int { return int(k >> (64 - bucketBits)) }

// Buckets is how many parts a segment of the index has.
const (
	Buckets    = 1 << bucketBits
	bucketBits = 6
)

// Filing collects which links name which patients, until they are packed as a
// segment of the index.
type Filing struct {
	// Entries is how many entries were looked at.
	Entries int
	buckets [Buckets][]byte
}

// A hit is the lower 32 of the key's bits behind its bucket, and the number of a
// link.
const hitSize = 4 + 8

func (k PatientKey) rest() uint32 { return uint32(k >> (32 - bucketBits)) } //nolint:gosec // its lower bits

// Add files a link under its store's number for it.
func (f *Filing) Add(id int64, l Link) error {
	return l.Patients(func(_ int, digits []byte) {
		f.Entries++
		if len(digits) == 0 {
			return
		}
		k := keyOf(digits)
		b := &f.buckets[k.Bucket()]
		*b = binary.BigEndian.AppendUint32(*b, k.rest())
		*b = binary.BigEndian.AppendUint64(*b, uint64(id)) //nolint:gosec // the bits
	})
}

// Bucket returns the hits of a bucket in their stored form; empty without any.
func (f *Filing) Bucket(n int) []byte { return f.buckets[n] }

// Hits returns the numbers of the links that a stored bucket has for a key, in
// the order in which they were added. One that names a patient several times
// comes as often. ErrEncoding says that the bytes are no bucket.
func Hits(bucket []byte, k PatientKey) (links []int64, err error) {
	if len(bucket)%hitSize != 0 {
		return nil, ErrEncoding
	}
	want := k.rest()
	for ; len(bucket) > 0; bucket = bucket[hitSize:] {
		if binary.BigEndian.Uint32(bucket) == want {
			links = append(links, int64(binary.BigEndian.Uint64(bucket[4:]))) //nolint:gosec // the bits
		}
	}
	return links, nil
}
