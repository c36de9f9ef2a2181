package store

import (
	"testing"

	"nems/internal/subscription"
)

// Rows from before the contacts were kept whole are read as they were meant.
func TestReadContacts(t *testing.T) {
	owner, other := string(subscription.OrganisationContact("RR8")), string(subscription.OrganisationContact("X26"))
	for column, want := range map[string]string{"": "", "X26": owner + other, "X26 RR8": owner + other + owner, "<contact/>": "<contact/>"} {
		if got := ReadContacts(column, "RR8"); got != want {
			t.Errorf("%q: expected %s; received %s", column, want, got)
		}
	}
}
