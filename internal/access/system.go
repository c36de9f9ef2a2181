package access

import (
	"errors"
	"fmt"
	"strings"

	"nems/internal/nhs"
)

// SubscriptionKind distinguishes subscriptions to one patient from those to
// everybody whom a rule selects (NEMS, "Subscriptions Overview").
type SubscriptionKind string

// The kinds of subscription.
const (
	Explicit SubscriptionKind = "explicit"
	Generic  SubscriptionKind = "generic"
)

// DemographicsRight is something that a system may do with patients' records
// through the PDS FHIR API of this service. Each includes those before it.
type DemographicsRight string

// The rights to patients' records.
const (
	DemographicsRead  DemographicsRight = "read"
	DemographicsWrite DemographicsRight = "write"
	// DemographicsAuthority is what at PDS only the national back office, registrars
	// and maternity units may do, such as notifying a formal death.
	DemographicsAuthority DemographicsRight = "authority"
)

// System is the registration of a system with the Spine, as far as a NEMS needs
// it: who it is and what it may do. What is not listed is not allowed, except
// that an empty EventTypes allows all. It is stored as JSON, so members must
// not be renamed.
type System struct {
	ASID nhs.ASID `json:"asid"`
	Name string   `json:"name,omitempty"`
	// Party is the party key of the system's owner, for people to read.
	Party string `json:"party,omitempty"`
	// ODSCodes are the organisations for which the system may act.
	ODSCodes []nhs.ODSCode `json:"odsCodes"`
	// CertificateNames are the names (FQDN) of its client certificates,
	// compared without regard to case.
	CertificateNames []string `json:"certificateNames,omitempty"`
	// Interactions are interaction ids. One that ends in * stands for every id
	// with that beginning: "urn:nhs:names:services:events:*" for all events.
	// Publishers may send the event's name or its code, so list both, or a *.
	Interactions []string `json:"interactions"`
	// Kinds are the kinds of subscription that it may create.
	Kinds []SubscriptionKind `json:"kinds,omitempty"`
	// EventTypes are the event codes that it may publish and subscribe to;
	// empty means all.
	EventTypes []string `json:"eventTypes,omitempty"`
	// Mailboxes are the MESH mailboxes to which its subscriptions may deliver,
	// compared without regard to case. * stands for every mailbox of its
	// organisations.
	Mailboxes []string `json:"mailboxes,omitempty"`
	// Demographics are its rights to patients' records through the PDS FHIR API.
	Demographics []DemographicsRight `json:"demographics,omitempty"`
	// Spine marks the Spine's own system, the only one that may publish the
	// demographic events (decision 14).
	Spine bool `json:"spine,omitempty"`
	// Revoked ends all its rights.
	Revoked bool `json:"revoked,omitempty"`
}

// Validate returns what is wrong with a registration: the first member that is
// invalid. A valid one may still allow nothing.
func (s System) Validate() error {
	if _, err := nhs.ParseASID(string(s.ASID)); err != nil {
		return fmt.Errorf("asid: %w", err)
	}
	if len(s.ODSCodes) == 0 {
		return errors.New("odsCodes: at least one organisation is needed")
	}
	for _, code := range s.ODSCodes {
		if parsed, err := nhs.ParseODSCode(string(code)); err != nil || parsed != code {
			return fmt.Errorf("odsCodes: %q: %w", code, nhs.ErrODSCode)
		}
	}
	for _, pattern := range s.Interactions {
		if !isInteractionPattern(pattern) {
			return fmt.Errorf("interactions: %q is neither an interaction id of a NEMS nor the beginning of one followed by *", pattern)
		}
	}
	for _, kind := range s.Kinds {
		if kind != Explicit && kind != Generic {
			return fmt.Errorf("kinds: %q is neither %q nor %q", kind, Explicit, Generic)
		}
	}
	for _, right := range s.Demographics {
		if right != DemographicsRead && right != DemographicsWrite && right != DemographicsAuthority {
			return fmt.Errorf("demographics: %q is none of %q, %q and %q", right, DemographicsRead, DemographicsWrite, DemographicsAuthority)
		}
	}
	for _, list := range []struct {
		name    string
		entries []string
	}{{"certificateNames", s.CertificateNames}, {"eventTypes", s.EventTypes}, {"mailboxes", s.Mailboxes}} {
		for _, entry := range list.entries {
			if _, ok := nhs.FoldID(entry); !ok {
				return fmt.Errorf("%s: %q is empty, or has a blank or a character outside ASCII", list.name, entry)
			}
		}
	}
	return nil
}

// isInteractionPattern reports whether some interaction id fits the pattern.
func isInteractionPattern(pattern string) bool {
	start, wild := strings.CutSuffix(pattern, "*")
	if !wild {
		_, ok := ParseInteraction(pattern)
		return ok
	}
	for _, id := range []string{CreateInteraction, ReadInteraction, DeleteInteraction, publishPrefix} {
		if strings.HasPrefix(id, start) {
			return true
		}
	}
	event, ok := strings.CutPrefix(start, publishPrefix)
	return ok && isEventName(event)
}

// registeredFor reports whether one of the patterns covers the interaction id.
func (s System) registeredFor(id string) bool {
	for _, pattern := range s.Interactions {
		if start, wild := strings.CutSuffix(pattern, "*"); pattern == id || wild && strings.HasPrefix(id, start) {
			return true
		}
	}
	return false
}

// CertificateName returns which of the names belongs to the system, "" for none.
func (s System) CertificateName(names []string) string {
	for _, name := range names {
		for _, registered := range s.CertificateNames {
			if nhs.SameID(name, registered) {
				return name
			}
		}
	}
	return ""
}

// deliversTo reports whether the system may use the mailbox.
func (s System) deliversTo(mailbox string) bool {
	for _, registered := range s.Mailboxes {
		if registered == "*" || nhs.SameID(mailbox, registered) {
			return true
		}
	}
	return false
}
