package node

import (
	"log/slog"
	"strings"
	"testing"

	"nems/internal/datafolder"
	"nems/internal/directory/devworld"
)

// A node whose directory is empty would refuse everybody, or match events with nobody:
// it is not ready and says what to import.
func TestUnfitWithoutADirectory(t *testing.T) {
	d, err := datafolder.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	n := &node{directory: d}
	n.mayLack.Store(new([]string))
	n.Log = slog.New(slog.DiscardHandler)
	says := func() string { return strings.Join(n.unfit(t.Context()), " ") }
	for _, part := range []string{"patients", "organisations", "postcodes"} {
		if got := says(); !strings.Contains(got, "nems import "+part+" FILE") {
			t.Errorf("an empty directory: %q does not say to import %s", got, part)
		}
	}
	n.UnknownPatients = "accept"
	if got := says(); strings.Contains(got, "patients") {
		t.Errorf("unknown patients are accepted: %q", got)
	}
	n.mayLack.Store(&[]string{"organisations", "postcodes"})
	if got := says(); got != "" {
		t.Errorf("allowed to be empty: %q", got)
	}
	n.UnknownPatients = "reject"
	n.mayLack.Store(new([]string))
	if err := devworld.Seed(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if got := says(); got != "" {
		t.Errorf("a whole directory: %q", got)
	}
}
