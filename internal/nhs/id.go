package nhs

// FoldID returns an id in the form in which ids are compared: in capitals. It is
// for ids that are compared without regard to case, such as that of a MESH
// mailbox, a certificate's name or an organisation's code. It returns false if
// the id has anything but visible ASCII, because programs and databases do not
// agree on how other letters fold into ASCII ones (for some, U+212A, the Kelvin
// sign, is a small k).
func FoldID(id string) (string, bool) {
	for i := range len(id) {
		switch c := id[i]; {
		case c <= ' ' || c >= 0x7f:
			return "", false
		case c >= 'a' && c <= 'z':
			return foldASCII(id), visible(id)
		}
	}
	return id, id != ""
}

func foldASCII(id string) string {
	b := []byte(id)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

func visible(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] >= 0x7f {
			return false
		}
	}
	return true
}

// SameID reports whether two ids are equal without regard to case. An id with
// anything but visible ASCII is equal to none.
func SameID(a, b string) bool {
	foldedA, okA := FoldID(a)
	foldedB, okB := FoldID(b)
	return okA && okB && foldedA == foldedB
}
