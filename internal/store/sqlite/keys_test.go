package sqlite

import (
	"slices"
	"testing"

	"nems/internal/store"
	"nems/internal/subscription"
)

func TestPackedMailboxes(t *testing.T) {
	copies := []subscription.Copy{{Mailbox: 1}, {Mailbox: 300}, {Mailbox: 1 << 40}}
	got, err := mailboxesOf(mailboxes(copies), nil)
	if err != nil || !slices.Equal(got, []int64{1, 300, 1 << 40}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := mailboxesOf(nil, store.PackCopies(copies)); err != nil || !slices.Equal(got, []int64{1, 300, 1 << 40}) {
		t.Errorf("packed: %v, %v", got, err)
	}
	if _, err := mailboxesOf([]byte{0x80}, nil); err == nil {
		t.Error("a cut number was read")
	}
}

func TestPostcodeKeys(t *testing.T) {
	seen := map[int64]bool{}
	for _, alike := range [][]string{{"LS17 7DF", "LS177DF", "ls17 7df"}, {"LS1 7DF"}, {"M1 1AA", "m11aa"}, {"M11 1AA"}, {"W1A 0AX"}, {"WF14 0BQ"}} {
		for i, s := range alike {
			key, err := postcodeKey(s)
			if err != nil || seen[key] != (i > 0) {
				t.Errorf("%s: another postcode's key, or not its own; %v", s, err)
			}
			seen[key] = true
		}
	}
	for _, s := range []string{"", "A", "LS17-7DF", "ABCDEFGHI", "É1 1AA"} {
		if _, err := postcodeKey(s); err == nil {
			t.Errorf("%q is no postcode", s)
		}
	}
}
