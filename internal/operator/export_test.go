package operator

import "nems/internal/audit"

// NewChainLinkForTest makes the line of a link.
func NewChainLinkForTest(t interface{ Fatal(...any) }, l audit.Link) ChainLink {
	line, err := newChainLink(l)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// VerifyAtMost lets fewer entries be verified in one go until it is undone.
func VerifyAtMost(n int) (undo func()) {
	before := mostVerified
	mostVerified = n
	return func() { mostVerified = before }
}

// AsError is asError.
var AsError = asError
