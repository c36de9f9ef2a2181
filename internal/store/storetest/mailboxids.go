package storetest

import (
	"errors"
	"testing"

	"nems/internal/store"
)

// Ids fold as ASCII does, and only ASCII is kept or found.
func mailboxIDs(t *testing.T, th *harness) {
	row := th.mailbox("KIS-1_a.b")
	for _, id := range []string{"KIS-1_a.b", "kis-1_A.B"} {
		if m, err := th.Mailbox(th.ctx(), id); err != nil || m.Row != row {
			t.Errorf("%s: %+v, %v", id, m, err)
		}
	}
	for _, id := range []string{"", "\u212aIS-1_a.b", "K\u0131S-1_a.b", "KI\u017f-1_a.b", "KIS-1_a.b\u00a0", "KIS-1_a.b\x00", "BOX 1", "BÖX", "A/B", "A:B", ".", "..", "..."} {
		if _, err := th.Mailbox(th.ctx(), id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q is found: %v", id, err)
		}
		if _, err := th.PutMailbox(th.ctx(), store.Mailbox{ID: id, ODS: "RR8", Password: "password"}); !errors.Is(err, store.ErrMailboxID) {
			t.Errorf("%q is kept: %v", id, err)
		}
	}
}
