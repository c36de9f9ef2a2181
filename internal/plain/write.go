package plain

import (
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Writer returns a writer that applies Text to what is written. A character
// must not be split between two writes.
func Writer(w io.Writer) io.Writer {
	return writer{w, func(p []byte) []byte { return []byte(Text(string(p))) }}
}

// JSON returns a writer for whole JSON values. It writes characters that cannot
// be printed as \u escapes, so readers get the same strings. (encoding/json does
// so only for C0.)
func JSON(w io.Writer) io.Writer { return writer{w, escape} }

type writer struct {
	w    io.Writer
	make func([]byte) []byte
}

func (w writer) Write(p []byte) (int, error) {
	if _, err := w.w.Write(w.make(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// escape only replaces DEL and characters outside ASCII, which in JSON occur
// only inside strings. It keeps the line breaks between values.
func escape(p []byte) []byte {
	out := make([]byte, 0, len(p))
	for len(p) > 0 {
		r, size := utf8.DecodeRune(p)
		switch {
		case r < 0x7f || strconv.IsPrint(r) && !(r == utf8.RuneError && size == 1):
			out = append(out, p[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = appendUnit(appendUnit(out, high), low)
		default:
			out = appendUnit(out, r)
		}
		p = p[size:]
	}
	return out
}

func appendUnit(out []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(out, '\\', 'u', digits[r>>12&0xf], digits[r>>8&0xf], digits[r>>4&0xf], digits[r&0xf])
}
