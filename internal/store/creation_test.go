package store

import (
	"testing"

	"nems/internal/subscription"
)

// TestReadContacts checks that rows from before the contacts were kept whole are still read
// correctly.
func TestReadContacts(t *testing.T) {
	owner, other := string(subscription.OrganisationContact("RR8")), string(subscription.OrganisationContact("X26"))
	for column, want := range map[string]string{"": "", "X26": owner + other, "X26 RR8": owner + other + owner, "<contact/>": "<contact/>"} {
		if got := ReadContacts(column, "RR8"); got != want {
			t.Errorf("%q: expected %s; received %s", column, want, got)
		}
	}
}
