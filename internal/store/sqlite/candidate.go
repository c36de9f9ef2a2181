package sqlite

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
	"nems/internal/subscription"
)

// candidateVersion is the first byte of a packed candidate.
const candidateVersion = 1

// maxScratch is up to how many candidates the writer keeps the memory: about a
// megabyte.
const maxScratch = 8192

var errCandidate = errors.New("the route row of the subscription cannot be read")

// Statuses as they are stored.
var (
	statusNumbers = map[subscription.Status]int64{subscription.Requested: 1, subscription.Active: 2, subscription.Off: 3}
	statuses      = [...]subscription.Status{1: subscription.Requested, 2: subscription.Active, 3: subscription.Off}
)

// packCandidate writes all of a candidate but its id.
func packCandidate(c subscription.Candidate) []byte {
	b := make([]byte, 0, 48)
	b = append(b, candidateVersion, byte(statusNumbers[c.Status]), byte(c.Registration), byte(c.Key.Kind))
	b = binary.AppendUvarint(b, uint64(c.Mailbox))
	var ends int64
	if !c.End.IsZero() {
		ends = c.End.UnixMicro()
	}
	b = binary.AppendVarint(b, ends)
	b = append(b, byte(len(c.Ages)))
	for _, a := range c.Ages {
		b = append(b, byte(a.Op))
		b = binary.AppendVarint(b, int64(a.Years))
	}
	b = append(b, byte(len(c.Key.Value)))
	b = append(b, c.Key.Value...)
	return append(b, c.Tag...)
}

// unpackCandidate reads what packCandidate wrote, or returns errCandidate.
func unpackCandidate(b []byte, c *subscription.Candidate) error {
	if len(b) < 4 || b[0] != candidateVersion || b[1] == 0 || int(b[1]) >= len(statuses) {
		return errCandidate
	}
	c.Status, c.Registration, c.Key.Kind = statuses[b[1]], subscription.Registration(b[2]), subscription.Kind(b[3])
	b = b[4:]
	mailbox, n := binary.Uvarint(b)
	if n <= 0 {
		return errCandidate
	}
	b = b[n:]
	ends, n := binary.Varint(b)
	if n <= 0 || len(b) == n {
		return errCandidate
	}
	ages := int(b[n])
	b = b[n+1:]
	c.Mailbox, c.End, c.Ages = int64(mailbox), time.Time{}, nil
	if ends != 0 {
		c.End = time.UnixMicro(ends).UTC()
	}
	for range ages {
		if len(b) == 0 {
			return errCandidate
		}
		years, n := binary.Varint(b[1:])
		if n <= 0 {
			return errCandidate
		}
		c.Ages = append(c.Ages, subscription.Age{Op: subscription.AgeOp(b[0]), Years: int(years)})
		b = b[1+n:]
	}
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return errCandidate
	}
	c.Key.Value, c.Tag = string(b[1:1+int(b[0])]), string(b[1+int(b[0]):])
	return nil
}

// always is later than whenever a subscription became active.
const always = store.EventID(math.MaxInt64)

// match finds who gets a copy. since leaves out what became active later.
func (w *writer) match(f subscription.Facts, hashes []int64, since store.EventID) ([]subscription.Copy, error) {
	candidates, err := w.candidates(f.EventCode, hashes, since)
	return subscription.Match(candidates, f), err
}

// candidates reads the subscriptions that are filed under an event code and
// one of the hashes, and were active by a moment of the writer. Its cost depends on their number and on nothing else. One
// that cannot be read is quarantined. The slice is the writer's: it holds
// until the next call.
func (w *writer) candidates(code string, hashes []int64, since store.EventID) ([]subscription.Candidate, error) {
	out := w.scratch.candidates[:0]
	number, known := w.codes[code]
	if !known {
		return nil, nil // nobody ever asked for it
	}
	var buf [512]byte
	var broken []subscription.ID
	stmt, err := w.conn.Prepare("SELECT id, candidate FROM route WHERE hash = ? AND code = ? AND since <= ?")
	if err != nil {
		return nil, err
	}
	for _, hash := range hashes {
		stmt.BindInt64(1, hash)
		stmt.BindInt64(2, number)
		stmt.BindInt64(3, int64(since))
		for {
			more, err := stmt.Step()
			if err != nil {
				return nil, errors.Join(err, stmt.Reset())
			}
			if !more {
				break
			}
			c := subscription.Candidate{}
			stmt.ColumnBytes(0, c.ID[:])
			if unpackCandidate(columnBytes(stmt, 1, buf[:]), &c) != nil {
				broken = append(broken, c.ID)
				continue
			}
			out = append(out, c)
		}
		if err := stmt.Reset(); err != nil {
			return nil, err
		}
	}
	if cap(out) <= maxScratch {
		w.scratch.candidates = out
	}
	for _, id := range broken {
		if err := w.quarantine(id, errCandidate.Error()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// columnBytes reads a column into buf, or into new memory when it is longer.
func columnBytes(s *sqlite.Stmt, column int, buf []byte) []byte {
	if n := s.ColumnLen(column); n > len(buf) {
		buf = make([]byte, n)
	}
	return buf[:s.ColumnBytes(column, buf)]
}
