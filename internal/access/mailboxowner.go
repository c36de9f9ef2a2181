package access

import (
	"slices"

	"nems/internal/nhs"
)

// Opens tells whether a client certificate of the system opens a mailbox: the
// Gate of the MESH API, whose requests name neither an ASID nor an interaction.
// certificate holds the names of the certificate that TLS has verified, owner
// is the organisation that the mailbox belongs to.
func (s System) Opens(certificate []string, mailbox string, owner nhs.ODSCode) bool {
	return !s.Revoked && s.CertificateName(certificate) != "" && slices.Contains(s.ODSCodes, owner) && s.deliversTo(mailbox)
}
