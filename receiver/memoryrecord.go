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
// digests, four values and a checksum, separated by blanks.
type record struct {
	op       byte
	at       int64 // unix nanoseconds
	key      digest
	sequence digest // zero means none
	known    Known
	attempt  int
}

const (
	opFinish   = 'F'
	opAttempt  = 'A'
	opSequence = 'S' // only in a rewritten file: the newest event of a sequence
)

// signature begins a file. Version 1 had neither message ids nor kinds.
const (
	signature    = "nems-receiver 2 "
	signatureOne = "nems-receiver 1 "
)

// header is the first line: the version of the format, and the key of the digests.
func header(salt []byte) []byte {
	return []byte(signature + hex.EncodeToString(salt) + "\n")
}

// readHeader returns the salt, and whether the file has version 1.
func readHeader(line []byte) (salt []byte, one bool, err error) {
	text := bytes.TrimSuffix(line, []byte("\n"))
	rest, ok := bytes.CutPrefix(text, []byte(signature))
	if !ok {
		rest, one = bytes.CutPrefix(text, []byte(signatureOne))
	}
	salt, err = hex.DecodeString(string(rest))
	if !ok && !one || err != nil || len(salt) == 0 {
		return nil, false, ErrDamaged
	}
	return salt, one, nil
}

func (r record) encode() []byte {
	at := "-"
	if !r.known.Time.IsZero() {
		// The time is not written as a date: with its zone a message may name a
		// year that needs five digits in UTC.
		at = fmt.Sprintf("%d.%09d", r.known.Time.Unix(), r.known.Time.Nanosecond())
	}
	number := r.known.Number
	if r.op == opAttempt {
		number = int64(r.attempt)
	}
	line := fmt.Appendf(make([]byte, 0, 200), "%c %d %x %x %d %s %s %s ", r.op, r.at, r.key, r.sequence, number, at, word(r.known.MessageID), word(r.known.Kind))
	return fmt.Appendf(line, "%08x\n", crc32.ChecksumIEEE(line))
}

// word returns a text as a field of a line: an id as it is. Anything else is
// left out, because it could not be read back.
func word(text string) string {
	if !isID(text) {
		return "-"
	}
	return text
}

// decodeOne reads a line of a version 1 file.
func decodeOne(line []byte) (record, error) {
	cut := bytes.LastIndexByte(line, ' ') + 1
	if len(strings.Fields(string(line))) != 7 || string(line[cut:]) != fmt.Sprintf("%08x\n", crc32.ChecksumIEEE(line[:cut])) {
		return record{}, ErrDamaged
	}
	next := append(bytes.Clone(line[:cut]), "- - "...)
	return decode(fmt.Appendf(next, "%08x\n", crc32.ChecksumIEEE(next)))
}

// decode reads a line including its newline. A line that encode would not write is ErrDamaged.
func decode(line []byte) (record, error) {
	cut := bytes.LastIndexByte(line, ' ') + 1
	fields := strings.Fields(string(line))
	if len(fields) != 9 || fields[8] != fmt.Sprintf("%08x", crc32.ChecksumIEEE(line[:cut])) {
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
		r.known.Number = number
	default:
		good = false
	}
	if fields[5] != "-" {
		seconds, nanoseconds, _ := strings.Cut(fields[5], ".")
		s, secondsErr := strconv.ParseInt(seconds, 10, 64)
		n, nanosecondsErr := strconv.ParseInt(nanoseconds, 10, 32)
		good = good && secondsErr == nil && nanosecondsErr == nil
		r.known.Time = time.Unix(s, n).UTC()
	}
	if fields[6] != "-" {
		r.known.MessageID = fields[6]
	}
	if fields[7] != "-" {
		r.known.Kind = fields[7]
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

// keepLatest removes entries that are not later than the horizon, and then the
// oldest ones until at most most are left.
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
