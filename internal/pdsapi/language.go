package pdsapi

import (
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// languageName returns what people call the language of a code in English; "" if
// there is no such language.
func languageName(code string) string {
	if name := signLanguages[code]; name != "" {
		return name
	}
	if len(code) != 2 {
		return ""
	}
	base, err := language.ParseBase(code)
	if err != nil || base.String() != code {
		return ""
	}
	return display.English.Languages().Name(base)
}

// isCountry reports whether a text is a country's code with three letters (ISO 3166-1).
func isCountry(code string) bool {
	if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return false
	}
	region, err := language.ParseRegion(code)
	return err == nil && region.IsCountry() && region.ISO3() == code
}
