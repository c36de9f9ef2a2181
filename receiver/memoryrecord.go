package receiver

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"time"
)

// record is one line of a FileMemory's file: an operation, the time, two
// digests, two values and a checksum, with blanks between them.
type record struct {
	op       byte
	at       int64 // unix nanoseconds
	key      digest
	sequence digest // zero: none
	point    Point
	attempt  int
}

const (
	opFinish   = 'F'
	opAttempt  = 'A'
	opSequence = 'S' // of a rewritten file: the newest of a sequence
)

const signature = "nems-receiver 1 "

// header is the first line: the form's version and the key of the digests.
func header(salt []byte) []byte {
	return []byte(signature + hex.EncodeToString(salt) + "\n")
}

func readHeader(line []byte) ([]byte, error) {
	text, ok := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte(signature))
	salt, err := hex.DecodeString(string(text))
	if !ok || err != nil || len(salt) == 0 {
		return nil, ErrDamaged
	}
	return salt, nil
}

func (r record) encode() []byte {
	at := "-"
	if !r.point.Time.IsZero() {
		// Not as a date: with its zone a message may name a year that UTC writes
		// with five digits.
		at = fmt.Sprintf("%d.%09d", r.point.Time.Unix(), r.point.Time.Nanosecond())
	}
	number := r.point.Number
	if r.op == opAttempt {
		number = int64(r.attempt)
	}
	line := fmt.Appendf(make([]byte, 0, 160), "%c %d %x %x %d %s ", r.op, r.at, r.key, r.sequence, number, at)
	return fmt.Appendf(line, "%08x\n", crc32.ChecksumIEEE(line))
}

// decode reads a line with its end. What encode would not write is ErrDamaged.
func decode(line []byte) (record, error) {
	cut := bytes.LastIndexByte(line, ' ') + 1
	fields := strings.Fields(string(line))
	if len(fields) != 7 || fields[6] != fmt.Sprintf("%08x", crc32.ChecksumIEEE(line[:cut])) {
		return record{}, ErrDamaged
	}
	r := record{op: fields[0][0]}
	at, atErr := strconv.ParseInt(fields[1], 10, 64)
	number, numberErr := strconv.ParseInt(fields[4], 10, 64)
	good := atErr == nil && numberErr == nil && readDigest(fields[2], &r.key) && readDigest(fields[3], &r.sequence)
	r.at = at
	switch r.op {
	case opAttempt:
		r.attempt = int(number)
	case opFinish, opSequence:
		r.point.Number = number
	default:
		good = false
	}
	if fields[5] != "-" {
		seconds, nanoseconds, _ := strings.Cut(fields[5], ".")
		s, secondsErr := strconv.ParseInt(seconds, 10, 64)
		n, nanosecondsErr := strconv.ParseInt(nanoseconds, 10, 32)
		good = good && secondsErr == nil && nanosecondsErr == nil
		r.point.Time = time.Unix(s, n).UTC()
	}
	if !good || !bytes.Equal(r.encode(), line) {
		return record{}, ErrDamaged
	}
	return r, nil
}

func readDigest(text string, d *digest) bool {
	n, err := hex.Decode(d[:], []byte(text[:min(len(text), 2*len(d))]))
	return err == nil && n == len(d) && len(text) == 2*len(d)
}

// keepLatest removes what is not later than the horizon, and then the oldest
// until no more than most are left.
func keepLatest[V any](entries map[digest]V, horizon int64, most int, at func(V) int64) {
	times := make([]int64, 0, len(entries))
	for _, v := range entries {
		times = append(times, at(v))
	}
	if len(times) > most {
		slices.Sort(times)
		horizon = max(horizon, times[len(times)-most-1])
	}
	for d, v := range entries {
		if at(v) <= horizon {
			delete(entries, d)
		}
	}
}
