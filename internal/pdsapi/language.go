package pdsapi

import (
	_ "embed"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// languagesTable has a line for each code of ISO 639-1 with its English name, as
// golang.org/x/text/language/display has them. That package would bring the names in
// all languages, two megabytes of the program.
//
//go:embed languages.tsv
var languagesTable string

// languages are the names by their codes.
var languages = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	for line := range strings.Lines(languagesTable) {
		code, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		names[code] = name
	}
	return names
})

// languageName returns what people call the language of a code in English; "" if
// there is no such language.
func languageName(code string) string {
	if name := signLanguages[code]; name != "" {
		return name
	}
	return languages()[code]
}

// isCountry reports whether a text is a country's code with three letters (ISO 3166-1).
func isCountry(code string) bool {
	if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return false
	}
	region, err := language.ParseRegion(code)
	return err == nil && region.IsCountry() && region.ISO3() == code
}
