package access

import (
	"slices"

	"nems/internal/nhs"
)

// Opens reports whether a client certificate of the system opens a mailbox. It
// is the Gate of the MESH API, whose requests name neither an ASID nor an
// interaction. certificate holds the names in the certificate that TLS has
// verified, owner is the organisation to which the mailbox belongs.
func (s System) Opens(certificate []string, mailbox string, owner nhs.ODSCode) bool {
	return !s.Revoked && s.CertificateName(certificate) != "" && slices.Contains(s.ODSCodes, owner) && s.deliversTo(mailbox)
}
