package fhir

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Values of the narrative's attributes. They are read byte by byte, because a
// value may be as long as a message and a regular expression takes a hundred
// nanoseconds for each byte.

const whiteSpace = " \t\r\n"

// htmlValue checks an attribute's value against its type.
func htmlValue(typ string, value []byte) bool {
	trimmed := bytes.Trim(value, whiteSpace)
	switch typ {
	case "text", "style":
		return true
	case "ID":
		return isNCName(trimmed)
	case "NMTOKEN":
		return isNMToken(trimmed)
	case "NMTOKENS":
		return areAll(value, isNMToken)
	case "IDREFS":
		return areAll(value, isNCName)
	case "uri":
		return isURIReference(trimmed)
	case "character":
		return utf8.RuneCount(value) == 1
	case "language":
		return isLanguage(trimmed)
	case "language-or-none":
		return len(value) == 0 || isLanguage(trimmed)
	}
	if isNumber, found := htmlNumbers[typ]; found {
		return isNumber(value)
	}
	return slices.Contains(strings.Split(strings.TrimSuffix(typ, "|"), "|"), string(trimmed))
}

var htmlNumbers = map[string]func([]byte) bool{
	"length": isLength, "multilength": isMultiLength, "coords": areCoords,
	"number":             func(v []byte) bool { return isNatural(bytes.Trim(v, whiteSpace)) },
	"nonNegativeInteger": isNonNegative,
	"tabindex":           isTabIndex,
}

// isLanguage reports whether v is a language tag such as en or en-GB: parts of
// up to eight letters; parts after the first may have digits too.
func isLanguage(v []byte) bool {
	part, digits := 0, false
	for _, c := range v {
		switch {
		case c == '-' && part > 0:
			part, digits = 0, true
			continue
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', digits && isDigit(c):
			part++
		default:
			return false
		}
		if part > 8 {
			return false
		}
	}
	return part > 0
}

// isNatural reports whether v consists of digits, at most 24 after leading zeros.
func isNatural(v []byte) bool {
	significant := bytes.TrimLeft(v, "0")
	return len(v) > 0 && len(significant) <= 24 && len(bytes.TrimLeft(significant, "0123456789")) == 0
}

func isNonNegative(v []byte) bool {
	v = bytes.Trim(v, whiteSpace)
	if zeros, minus := bytes.CutPrefix(v, []byte{'-'}); minus {
		return len(zeros) > 0 && len(bytes.TrimLeft(zeros, "0")) == 0
	}
	return isNatural(bytes.TrimPrefix(v, []byte{'+'}))
}

// isTabIndex reports whether v is a number up to 32767.
func isTabIndex(v []byte) bool {
	v = bytes.Trim(v, whiteSpace)
	if !isNatural(v) {
		return false
	}
	number, err := strconv.Atoi("0" + string(bytes.TrimLeft(v, "0")))
	return err == nil && number <= 32767
}

// isLength reports whether v is a number of pixels or a percentage.
func isLength(v []byte) bool {
	if len(v) > 0 && (v[0] == '+' || v[0] == '-') {
		v = v[1:]
	}
	whole := decimals(v)
	rest := v[whole:]
	if whole == 0 || len(rest) == 0 {
		return whole > 0
	}
	if rest[0] == '.' {
		part := decimals(rest[1:])
		if part == 0 {
			return false
		}
		rest = rest[1+part:]
	}
	return string(rest) == "%"
}

// decimals returns how many bytes of v, from its start, are digits (of any script).
func decimals(v []byte) int {
	n := 0
	for n < len(v) {
		r, size := utf8.DecodeRune(v[n:])
		if !unicode.IsDigit(r) {
			break
		}
		n += size
	}
	return n
}

// isMultiLength reports whether v is a length, or a share such as 2*.
func isMultiLength(v []byte) bool {
	share, found := bytes.CutSuffix(v, []byte{'*'})
	return found && decimals(share) == len(share) || isLength(v)
}

// areCoords reports whether v is a list of lengths separated by commas, each comma possibly
// followed by white space.
func areCoords(v []byte) bool {
	for i := 0; ; i++ {
		first, rest, more := bytes.Cut(v, []byte{','})
		if i > 0 {
			first = bytes.TrimLeft(first, whiteSpace)
		}
		if !isLength(first) {
			return false
		}
		if !more {
			return true
		}
		v = rest
	}
}

// areAll checks every token of a list, which may be empty.
func areAll(value []byte, good func([]byte) bool) bool {
	for token := range bytes.FieldsFuncSeq(value, func(r rune) bool { return r <= ' ' && isSpace(byte(r)) }) {
		if !good(token) {
			return false
		}
	}
	return true
}

func isNMToken(v []byte) bool {
	for _, r := range string(v) {
		if !isNameChar(r) && r != ':' {
			return false
		}
	}
	return len(v) > 0
}

// harmlessLink accepts the schemes that a reader expects of a link. Browsers
// ignore control characters and white space at the start of a scheme, so it
// does too.
func harmlessLink(value []byte, image bool) bool {
	clean := strings.ToLower(strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, string(value)))
	end := strings.IndexAny(clean, ":/?#")
	if end < 0 || clean[end] != ':' {
		return true
	}
	switch clean[:end] {
	case "http", "https", "ftp", "mailto", "tel", "urn", "cid":
		return true
	case "data":
		return image && strings.HasPrefix(clean, "data:image/")
	}
	return false
}

// activeWords make a style run or load something. Some need a mark after the
// word, with or without white space between.
var activeWords = []struct{ word, mark string }{
	{"expression", "("}, {"javascript:", ""}, {"vbscript:", ""}, {"behavior", ":"}, {"behaviour", ":"},
	{"-moz-binding", ""}, {"@import", ""}, {"url", "("},
}

// harmlessStyle refuses styles that run or load something. It also refuses
// backslashes, which can hide such words, and looks through comments for the
// same reason.
func harmlessStyle(value []byte) bool {
	if !bytes.ContainsAny(value, `(:@-\`) {
		return true // each of those words holds one of these characters, or is followed by one
	}
	style := bytes.ToLower(value)
	return bytes.IndexByte(style, '\\') < 0 && !isActive(style) && !isActive(withoutComments(style))
}

func isActive(style []byte) bool {
	for _, active := range activeWords {
		for rest := style; ; {
			_, after, found := bytes.Cut(rest, []byte(active.word))
			if !found {
				break
			}
			if rest = bytes.TrimLeft(after, whiteSpace+"\f"); bytes.HasPrefix(rest, []byte(active.mark)) {
				return true
			}
		}
	}
	return false
}

// withoutComments removes everything between /* and */.
func withoutComments(style []byte) []byte {
	var out []byte
	for {
		before, inside, found := bytes.Cut(style, []byte("/*"))
		_, after, ends := bytes.Cut(inside, []byte("*/"))
		if !found || !ends {
			return append(out, style...)
		}
		out = append(out, before...)
		style = after
	}
}
