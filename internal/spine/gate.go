package spine

import (
	"slices"

	"nems/internal/nhs"
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
func (s System) Gate(t Tuple) *Refusal {
	switch {
	case s.ASID == "" || s.ASID != t.ASID:
		return ASIDCheckFailed("fromASID " + show(string(t.ASID)) + " is not registered with this service")
	case s.Revoked:
		return ASIDCheckFailed("the registration of fromASID " + show(string(t.ASID)) + " has been revoked")
	case t.Certificate != nil && s.certificateName(t.Certificate) == "":
		return AccessDenied("the client certificate is not registered for fromASID " + show(string(t.ASID)))
	case !s.registeredFor(t.Interaction):
		return ASIDCheckFailed("fromASID " + show(string(t.ASID)) + " is not registered for the interaction " + show(t.Interaction))
	case !slices.Contains(s.ODSCodes, t.ODS):
		return AccessDenied("the organisation " + show(string(t.ODS)) + " is not registered for fromASID " + show(string(t.ASID)))
	case t.Mailbox != "" && (t.MailboxODS != t.ODS || !s.deliversTo(t.Mailbox)):
		return AccessDenied("the MESH mailbox is not registered for the organisation " + show(string(t.ODS)) + " with fromASID " + show(string(t.ASID)))
	}
	return nil
}
