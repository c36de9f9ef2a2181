package fhir

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Classes of bytes, for the scanner's loops.
const (
	className  uint8 = 1 << iota // ASCII characters of a name, except the colon
	classStart                   // ASCII characters that start a name
	classPlain                   // needs no further check inside an attribute's value
	classText                    // needs no further check inside text
	classSpace                   // white space
	classURI                     // has no special meaning anywhere in a uri
)

var class = func() (table [256]uint8) {
	for c := range 256 {
		b := byte(c)
		letter := b|0x20 >= 'a' && b|0x20 <= 'z' || b == '_'
		if letter {
			table[c] |= classStart
		}
		if letter || isDigit(b) || b == '-' || b == '.' {
			table[c] |= className
		}
		if isAlphanumeric(b) {
			table[c] |= classURI
		}
		if b >= ' ' && b < utf8.RuneSelf && b != '<' && b != '&' {
			table[c] |= classText
			if b != '"' && b != '\'' {
				table[c] |= classPlain
			}
		}
	}
	for _, c := range []byte(" \t\r\n") {
		table[c] |= classSpace
	}
	for _, c := range []byte("-._~/?=&+,;!$()*") {
		table[c] |= classURI
	}
	table[']'] &^= classText // "]]>" is not allowed in text
	return table
}()

// skipPlain returns the index of the first byte from i on that is not
// classPlain. It looks at eight bytes at a time where it can.
func skipPlain(src []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for i+8 <= len(src) {
		w := binary.LittleEndian.Uint64(src[i:])
		quote := w ^ '"'*ones
		amp := (w ^ '&'*ones) &^ ones // also finds the apostrophe, which differs from & only in the last bit
		less := w ^ '<'*ones
		// The lowest bit that is set is right; bits above it may be wrong.
		found := ((w-' '*ones)&^w | (quote-ones)&^quote | (amp-ones)&^amp | (less-ones)&^less | w) & highs
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
		i += 8
	}
	for i < len(src) && class[src[i]]&classPlain != 0 {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isAlphanumeric(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' }

func isBlank(v []byte) bool {
	for _, c := range v {
		if !isSpace(c) {
			return false
		}
	}
	return true
}

func allDigits(v []byte) bool {
	for _, c := range v {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// isChar is the production Char of XML 1.0.
func isChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff ||
		r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= 0x10ffff
}

// isNameStart is NameStartChar of XML 1.0, fifth edition, without the colon.
func isNameStart(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return class[byte(r)]&classStart != 0
	case r < 0x2000:
		return r >= 0xc0 && r != 0xd7 && r != 0xf7 && (r < 0x300 || r > 0x36f) && r != 0x37e
	case r < 0x3001:
		return r == 0x200c || r == 0x200d || r >= 0x2070 && r <= 0x218f || r >= 0x2c00 && r <= 0x2fef
	}
	return r <= 0xd7ff || r >= 0xf900 && r <= 0xfdcf || r >= 0xfdf0 && r <= 0xfffd ||
		r >= 0x10000 && r <= 0xeffff
}

// isNameChar is NameChar of XML 1.0, fifth edition, without the colon.
func isNameChar(r rune) bool {
	if r < utf8.RuneSelf {
		return class[byte(r)]&className != 0
	}
	return isNameStart(r) || r == 0xb7 || r >= 0x300 && r <= 0x36f || r == 0x203f || r == 0x2040
}

// isNCName reports whether v is a name without colons.
func isNCName(v []byte) bool {
	for i, r := range string(v) {
		if i == 0 && !isNameStart(r) || !isNameChar(r) {
			return false
		}
	}
	return len(v) > 0
}
