package fhir

import "bytes"

// checkURI judges a uri. Its form is that of RFC 3986, but like XML schema's
// anyURI it accepts characters beyond ASCII and those that URIs must escape.
// anyURI accepts blanks too; FHIR does not, because RFC 3986 has none.
func checkURI(v []byte) verdict {
	if isCommonURI(v) {
		return verdictGood
	}
	for _, c := range v {
		if isSpace(c) {
			if isURIReference(v) {
				return verdictPadded
			}
			return verdictForm
		}
	}
	return form(isURIReference(v))
}

// isCommonURI recognises nearly all uris of a message in one pass: urn:... and
// http(s)://... with characters that need no further check.
func isCommonURI(v []byte) bool {
	var rest []byte
	colon := byte(0)
	switch {
	case len(v) > 4 && string(v[:4]) == "urn:":
		rest, colon = v[4:], ':'
	case len(v) > 8 && string(v[:8]) == "https://":
		rest = v[8:]
	case len(v) > 7 && string(v[:7]) == "http://":
		rest = v[7:]
	default:
		return false
	}
	for _, c := range rest {
		if class[c]&classURI == 0 && c != colon {
			return false
		}
	}
	return true
}

// isURIReference reads [scheme:][//authority][path][?query][#fragment].
func isURIReference(v []byte) bool {
	if !goodEscapes(v) {
		return false
	}
	rest, fragment, _ := bytes.Cut(v, []byte("#"))
	if bytes.IndexByte(fragment, '#') >= 0 {
		// An address in brackets may contain any character, even "#".
		return false
	}
	if end := bytes.IndexAny(rest, ":/?"); end >= 0 && rest[end] == ':' {
		if !isScheme(rest[:end]) {
			return false
		}
		rest = rest[end+1:]
	}
	if bytes.HasPrefix(rest, []byte("//")) {
		authority := rest[2:]
		end := bytes.IndexAny(authority, "/?")
		if end < 0 {
			end = len(authority)
		}
		if !isAuthority(authority[:end]) {
			return false
		}
		rest = authority[end:]
	}
	return !bytes.ContainsAny(rest, "[]")
}

// goodEscapes reports whether two hexadecimal digits follow every percent sign.
func goodEscapes(v []byte) bool {
	for at := bytes.IndexByte(v, '%'); at >= 0; at = bytes.IndexByte(v, '%') {
		if len(v) < at+3 || !isHex(v[at+1]) || !isHex(v[at+2]) {
			return false
		}
		v = v[at+3:]
	}
	return true
}

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isScheme(v []byte) bool {
	for i, c := range v {
		if i == 0 && !isAlphanumeric(c) || i == 0 && isDigit(c) || !isAlphanumeric(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return len(v) > 0
}

// isAuthority reads [user@]host[:port].
func isAuthority(v []byte) bool {
	if user, host, found := bytes.Cut(v, []byte("@")); found {
		if bytes.ContainsAny(user, "[]") {
			return false
		}
		v = host
	}
	var host, port []byte
	var hasPort bool
	if len(v) > 0 && v[0] == '[' {
		end := bytes.IndexByte(v, ']')
		if end < 0 {
			return false
		}
		v = v[end+1:]
		host, port, hasPort = bytes.Cut(v, []byte(":"))
		if len(host) > 0 {
			return false
		}
	} else {
		host, port, hasPort = bytes.Cut(v, []byte(":"))
	}
	if bytes.ContainsAny(host, "@[]") {
		return false
	}
	return !hasPort || isPort(port)
}

// isPort reports whether v is a number that fits into 32 bits.
func isPort(v []byte) bool {
	if len(v) == 0 || !allDigits(v) {
		return false
	}
	v = bytes.TrimLeft(v, "0")
	return len(v) < 10 || len(v) == 10 && string(v) <= "2147483647"
}
