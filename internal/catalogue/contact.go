package catalogue

import (
	"bytes"

	"nems/internal/fhir"
)

// contactFits reports whether the value of a ContactPoint fits its system.
// Systems other than phone and email are not checked.
func contactFits(contact fhir.Node) bool {
	value := contact.Child("value")
	if !value.HasValue() {
		return true // another rule says whether the value is required
	}
	switch system := contact.Child("system"); {
	case system.EqualValue("phone"):
		return isTelephone(value.ValueBytes())
	case system.EqualValue("email"):
		return isEmail(value.ValueBytes())
	}
	return true
}

// isTelephone accepts what a person can dial: at least three digits (111 is a
// number) and no @. Other characters are free, because people write +44 (0)113
// 397 3970 or 0300 303 5678 option 2.
func isTelephone(b []byte) bool {
	count := 0
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			count++
		case c == '@':
			return false
		}
	}
	return count >= 3
}

// isEmail accepts LOCAL@DOMAIN, where the domain has a dot and neither part has blanks.
func isEmail(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte("mailto:"))
	local, domain, found := bytes.Cut(b, []byte("@"))
	if !found || len(local) == 0 || bytes.ContainsAny(b, " \t\r\n") || bytes.IndexByte(domain, '@') >= 0 {
		return false
	}
	dot := bytes.LastIndexByte(domain, '.')
	return dot > 0 && dot < len(domain)-1
}
