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
