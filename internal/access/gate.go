package access

import (
	"slices"

	"nems/internal/nhs"
	"nems/internal/refuse"
)

// Tuple is what a request says about itself. All parts must be registered
// together, because an impostor would combine the certificate of one system
// with the ASID of another, or one organisation's ASID with another's mailbox.
type Tuple struct {
	// Certificate holds the names in the verified client certificate. It is nil
	// where only a signed token proves the identity, and in dev mode.
	Certificate []string
	ASID        nhs.ASID
	ODS         nhs.ODSCode // organisation for which the request acts
	Interaction string      // interaction id
	Mailbox     string      // "" if the request names none
	MailboxODS  nhs.ODSCode // organisation to which the mailbox belongs
}

// Gate is the only place where certificate, ASID, organisation, interaction and
// mailbox are compared with a registration. The zero System, which stands for
// an unregistered ASID, admits nothing.
//
// A refusal does not say what is registered, so that probing reveals nothing.
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
