package directory

// NormalPostcode writes a postcode as the Postcode Address File does, in
// capitals with one blank before the last three characters ("LS17 7DF"). It
// returns false for a text that does not have the form of a postcode: five to
// seven letters and digits, a letter first, a digit and two letters last (NHS
// Data Dictionary, POSTCODE). Blanks anywhere are ignored.
func NormalPostcode(s string) (string, bool) {
	var buf [8]byte
	n := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == ' ':
			continue
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		if n == 7 || !isUpper(c) && !isDigit(c) {
			return "", false
		}
		buf[n] = c
		n++
	}
	if n < 5 || !isUpper(buf[0]) || !isDigit(buf[n-3]) || !isUpper(buf[n-2]) || !isUpper(buf[n-1]) {
		return "", false
	}
	copy(buf[n-2:n+1], buf[n-3:n])
	buf[n-3] = ' '
	return string(buf[:n+1]), true
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
