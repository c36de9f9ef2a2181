package nhs

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// SameName reports whether two names, or parts of names, are the same for a
// person who reads them. It ignores case, surrounding blanks, the Unicode form
// of accented letters (both are compared in NFC) and which character is used as
// the apostrophe (decision 11).
func SameName(a, b string) bool { return ReadName(a).Same(b) }

// Name is a name, or a part of one, prepared for comparison with many others.
type Name struct{ trimmed, plain string }

// ReadName prepares a name for comparison.
func ReadName(s string) Name { return Name{strings.TrimSpace(s), plainName(s)} }

// Same is SameName. It takes time in proportion to the other name, however long
// this one is.
func (n Name) Same(other string) bool {
	return strings.EqualFold(n.trimmed, strings.TrimSpace(other)) || strings.EqualFold(n.plain, plainName(other))
}

func plainName(name string) string {
	return strings.TrimSpace(strings.Map(plainApostrophe, norm.NFC.String(name)))
}

// plainApostrophe replaces the characters that keyboards and word processors
// write as an apostrophe by the ASCII one.
func plainApostrophe(r rune) rune {
	switch r {
	case '`', '\u00b4', // grave and acute accent
		'\u02b9', '\u02bb', '\u02bc', '\u02bd', // modifier letters
		'\u2018', '\u2019', '\u201b', // quotation marks
		'\u2032', '\uff07': // prime, full width
		return '\''
	}
	return r
}
