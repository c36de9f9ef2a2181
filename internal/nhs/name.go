package nhs

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// SameName reports whether two names, or parts of one, are the same for a
// person who reads them: without regard to case, to blanks around them, to
// which of Unicode's forms an accented letter has (both in NFC) and to which
// character stands for the apostrophe (design, decision 11).
func SameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b)) || strings.EqualFold(plainName(a), plainName(b))
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
