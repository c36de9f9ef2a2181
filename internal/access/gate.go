package access

import (
	"slices"

	"nems/internal/nhs"
	"nems/internal/refuse"
)

// Tuple is what a request says of itself, all of which must be registered
// together: a certificate of one system with the ASID of another, or one
// organisation's ASID with another's mailbox, is what an impostor would send.
type Tuple struct {
	// Certificate holds the names of the verified client certificate; nil where
	// the identity comes from a signed token alone, and in dev mode.
	Certificate []string
	ASID        nhs.ASID
	ODS         nhs.ODSCode // organisation that the request acts for
	Interaction string      // interaction id
	Mailbox     string      // "" where the request names none
	MailboxODS  nhs.ODSCode // organisation that the mailbox belongs to
}

// Gate is the one place where certificate, ASID, organisation, interaction and
// mailbox are held against a registration. The zero System, which stands for
// an ASID that is not registered, admits nothing.
//
// A refusal does not say what is registered: who probes learns nothing.
func (s System) Gate(t Tuple) *refuse.Refusal {
	switch {
	case s.ASID == "" || s.ASID != t.ASID:
		return refuse.ASIDCheckFailed("fromASID " + refuse.Show(string(t.ASID)) + " is not registered with this service")
	case s.Revoked:
		return refuse.ASIDCheckFailed("the registration of fromASID " + refuse.Show(string(t.ASID)) + " has been revoked")
	case t.Certificate != nil && s.CertificateName(t.Certificate) == "":
		return refuse.AccessDenied("the client certificate is not registered for fromASID " + refuse.Show(string(t.ASID)))
	case !s.registeredFor(t.Interaction):
		return refuse.ASIDCheckFailed("fromASID " + refuse.Show(string(t.ASID)) + " is not registered for the interaction " + refuse.Show(t.Interaction))
	case !slices.Contains(s.ODSCodes, t.ODS):
		return refuse.AccessDenied("the organisation " + refuse.Show(string(t.ODS)) + " is not registered for fromASID " + refuse.Show(string(t.ASID)))
	case t.Mailbox != "" && (t.MailboxODS != t.ODS || !s.deliversTo(t.Mailbox)):
		return refuse.AccessDenied("the MESH mailbox is not registered for the organisation " + refuse.Show(string(t.ODS)) + " with fromASID " + refuse.Show(string(t.ASID)))
	}
	return nil
}
