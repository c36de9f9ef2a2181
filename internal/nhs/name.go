package nhs

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// SameName reports whether two names, or parts of one, are the same for a
// person who reads them: without regard to case, to blanks around them, to
// which of Unicode's forms an accented letter has (both in NFC) and to which
// character stands for the apostrophe (decision 11).
func SameName(a, b string) bool { return ReadName(a).Same(b) }

// Name is a name, or a part of one, that is to be compared with many.
type Name struct{ trimmed, plain string }

// ReadName makes a name ready to be compared.
func ReadName(s string) Name { return Name{strings.TrimSpace(s), plainName(s)} }

// Same is SameName. It takes time in proportion to the other name, however long
// this one is.
func (n Name) Same(other string) bool {
	return strings.EqualFold(n.trimmed, strings.TrimSpace(other)) || strings.EqualFold(n.plain, plainName(other))
}

func plainName(name string) string {
	return strings.TrimSpace(strings.Map(plainApostrophe, norm.NFC.String(name)))
}

// plainApostrophe turns what keyboards and word processors write for an
// apostrophe into the ASCII one.
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
