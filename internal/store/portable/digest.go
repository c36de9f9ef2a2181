package portable

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/bits"
)

// Digest is a checksum of the rows of a table in whatever order: the sum of the
// SHA-256 of all rows, as numbers. Engines order texts differently.
type Digest struct {
	Rows int64
	sum  [4]uint64
	h    hash.Hash
	buf  []byte
}

// Add adds a row. It returns an error for a value that is not one of the table's kind.
func (d *Digest) Add(t *Table, r Row) error {
	if d.h == nil {
		d.h = sha256.New()
	}
	d.h.Reset()
	for i, c := range t.Columns {
		if c.Loose {
			continue
		}
		if err := d.value(c, r[i]); err != nil {
			return fmt.Errorf("%s.%s: %w", t.Name, c.Name, err)
		}
	}
	d.buf = d.h.Sum(d.buf[:0])
	var carry uint64
	for i := range d.sum {
		d.sum[i], carry = bits.Add64(d.sum[i], binary.LittleEndian.Uint64(d.buf[8*i:]), carry)
	}
	d.Rows++
	return nil
}

func (d *Digest) value(c Column, v any) error {
	var head [9]byte
	switch v := v.(type) {
	case nil:
		_, _ = d.h.Write([]byte{0})
		return nil
	case int64:
		head[0] = 1
		binary.LittleEndian.PutUint64(head[1:], uint64(v))
	case bool:
		head[0] = 2
		if v {
			head[1] = 1
		}
	case string:
		head[0] = 3
		binary.LittleEndian.PutUint64(head[1:], uint64(len(v)))
		_, _ = d.h.Write(head[:])
		_, _ = d.h.Write([]byte(v))
		return nil
	case []byte:
		head[0] = 4
		binary.LittleEndian.PutUint64(head[1:], uint64(len(v)))
		_, _ = d.h.Write(head[:])
		_, _ = d.h.Write(v)
		return nil
	default:
		return fmt.Errorf("expected a value of kind %d; received a %T", c.Kind, v)
	}
	_, _ = d.h.Write(head[:])
	return nil
}

// Equal tells whether two digests are of the same rows.
func (d *Digest) Equal(o *Digest) bool { return d.Rows == o.Rows && d.sum == o.sum }

// String is the first 16 digits of the checksum.
func (d *Digest) String() string { return fmt.Sprintf("%016x", d.sum[3]) }

// Each adds all rows of a table to a digest, and calls more for each.
func Each(t *Table, rows Rows, more func()) (d Digest, err error) {
	for r, err := range rows {
		if err == nil {
			err = d.Add(t, r)
		}
		if err != nil {
			return d, err
		}
		more()
	}
	return d, nil
}
