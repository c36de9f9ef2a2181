package directory

import "slices"

// The beginnings of the ONS codes (GSS) that NHSPD and ONSPD contain (ONS,
// Register of Geographic Codes): a letter for the country, two digits for the
// kind of area.
const (
	onsEngland = "E92"
	onsSubICB  = "E38"
)

var (
	onsCountries = []string{onsEngland, "N92", "S92", "W92", "L93", "M83"} // the last two: Channel Islands, Isle of Man
	// Unitary authorities, districts, metropolitan districts and boroughs of
	// London; districts of Northern Ireland; council areas; unitary authorities
	// of Wales.
	onsLocalAuthorities = []string{"E06", "E07", "E08", "E09", "N09", "S12", "W06"}
)

// isONS reports whether s has the form of an ONS code.
func isONS(s string) bool { return hasForm(s, "ANNNNNNNN") }

// isPseudo reports whether an ONS code stands for no area.
func isPseudo(s string) bool { return len(s) == 9 && s[1:] == "99999999" }

func isCountry(s string) bool { return isONS(s) && slices.Contains(onsCountries, s[:3]) }

// inEngland reports whether one of a row's fields is the country code of England.
func inEngland(fields []string) bool {
	return slices.ContainsFunc(fields, func(s string) bool { return isCountry(s) && s[:3] == onsEngland })
}

func isLocalAuthority(s string) bool { return isONS(s) && slices.Contains(onsLocalAuthorities, s[:3]) }

// isSubICB reports whether s has the form of an ICB sub-location's code: of the
// ODS, either from the time of clinical commissioning groups (15F) or as given
// since 2020 (X2C4Y), or of the ONS.
func isSubICB(s string) bool {
	return hasForm(s, "NNA") || hasForm(s, "ANANA") || isONS(s) && s[:3] == onsSubICB
}

// hasForm compares s with a form, in which A is a capital letter and N a digit.
func hasForm(s, form string) bool {
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		if form[i] == 'A' && !isUpper(s[i]) || form[i] == 'N' && !isDigit(s[i]) {
			return false
		}
	}
	return true
}
