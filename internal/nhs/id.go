package nhs

// FoldID gives an id that is compared without regard to case, such as a MESH
// mailbox's, a certificate's name or an organisation's, in the form in which two
// are compared: in capitals. It returns false for what has anything but visible
// ASCII: other letters fold into ASCII ones in ways that programs and databases
// do not agree on (U+212A, the Kelvin sign, is a small k to some).
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

// SameID tells whether two ids are the same without regard to case; what has
// anything but visible ASCII is the same as nothing.
func SameID(a, b string) bool {
	foldedA, okA := FoldID(a)
	foldedB, okB := FoldID(b)
	return okA && okB && foldedA == foldedB
}
