package store

import (
	"encoding/binary"
	"errors"

	"nems/internal/subscription"
)

// ErrPacked says that bytes were not written by PackCopies.
var ErrPacked = errors.New("packed copies cannot be read")

// PackCopies writes copies one after the other: the mailbox, the number of
// subscriptions and their ids, and the partner id preceded by its length.
func PackCopies(copies []subscription.Copy) []byte {
	b := []byte{1} // version
	for _, c := range copies {
		b = binary.AppendUvarint(b, uint64(c.Mailbox))
		b = binary.AppendUvarint(b, uint64(len(c.Subscriptions)))
		for i := range c.Subscriptions {
			b = append(b, c.Subscriptions[i][:]...)
		}
		b = binary.AppendUvarint(b, uint64(len(c.PartnerID)))
		b = append(b, c.PartnerID...)
	}
	return b
}

// UnpackCopies reads up to max copies starting at offset, and returns the
// offset at which to continue. Offset 0 means the start.
func UnpackCopies(b []byte, offset, max int) (copies []subscription.Copy, next int, err error) {
	if len(b) == 0 || b[0] != 1 || offset < 0 || offset > len(b) {
		return nil, 0, ErrPacked
	}
	if offset == 0 {
		offset = 1
	}
	p := packed{rest: b[offset:]}
	for len(p.rest) > 0 && len(copies) < max {
		c := subscription.Copy{Mailbox: int64(p.number())}
		ids := p.number()
		if ids > uint64(len(p.rest)/16) {
			return nil, 0, ErrPacked
		}
		for range ids {
			c.Subscriptions = append(c.Subscriptions, subscription.ID(p.take(16)))
		}
		c.PartnerID = string(p.take(p.number()))
		if p.failed {
			return nil, 0, ErrPacked
		}
		copies = append(copies, c)
	}
	return copies, len(b) - len(p.rest), nil
}

// CountCopies says how many copies PackCopies has written.
func CountCopies(b []byte) (n int, err error) {
	if len(b) == 0 || b[0] != 1 {
		return 0, ErrPacked
	}
	for p := (packed{rest: b[1:]}); len(p.rest) > 0; n++ {
		p.number()
		ids := p.number()
		if ids > uint64(len(p.rest)/16) {
			return 0, ErrPacked
		}
		p.rest = p.rest[16*ids:]
		if p.take(p.number()); p.failed {
			return 0, ErrPacked
		}
	}
	return n, nil
}

// packed reads from the front of rest. After a failure it returns zero values.
type packed struct {
	rest   []byte
	failed bool
}

func (p *packed) number() uint64 {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 {
		p.failed, p.rest = true, nil
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *packed) take(n uint64) []byte {
	if n > uint64(len(p.rest)) {
		p.failed, p.rest = true, nil
		return make([]byte, min(n, 16))
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}
