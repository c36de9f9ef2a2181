package access

import (
	"testing"

	"pgregory.net/rapid"

	"nems/internal/nhs"
)

// A certificate opens a mailbox exactly when the Gate admits it with the same
// mailbox and everything else right.
func TestOpensIsTheGate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"a.example", "B.example", "c.example"}), 0, 2)
		codes := rapid.SampledFrom([]nhs.ODSCode{"RR8", "X26", "A83627"})
		boxes := rapid.SampledFrom([]string{"BOX1", "box1", "BOX2"})
		s := System{
			ASID: "200000000115", Interactions: []string{CreateInteraction}, Revoked: rapid.Bool().Draw(t, "revoked"),
			ODSCodes:         rapid.SliceOfN(codes, 0, 2).Draw(t, "organisations"),
			CertificateNames: names.Draw(t, "registered names"),
			Mailboxes:        rapid.SliceOfN(rapid.SampledFrom([]string{"*", "BOX1", "BOX2"}), 0, 2).Draw(t, "mailboxes"),
		}
		certificate := append([]string{}, names.Draw(t, "names shown")...)
		mailbox, owner := boxes.Draw(t, "mailbox"), codes.Draw(t, "owner")
		refusal := s.Gate(Tuple{Certificate: certificate, ASID: s.ASID, ODS: owner, Interaction: CreateInteraction, Mailbox: mailbox, MailboxODS: owner})
		if got, want := s.Opens(certificate, mailbox, owner), refusal == nil; got != want {
			t.Fatalf("opens: %t; the gate: %v", got, refusal)
		}
	})
}
