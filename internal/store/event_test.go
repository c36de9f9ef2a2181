package store_test

import (
	"errors"
	"testing"

	"nems/internal/nhs"
	"nems/internal/store"
)

func TestPackPatient(t *testing.T) {
	for _, digits := range []string{"9912003888", "0000000000"} {
		n, err := nhs.ParseNHSNumber(digits)
		if err != nil {
			t.Fatal(err)
		}
		packed := store.PackPatient(n)
		if got, err := store.UnpackPatient(packed); err != nil || *got != n {
			t.Errorf("%s came back as %v, %v", digits, got, err)
		}
	}
	if got, err := store.UnpackPatient(store.PackPatient(nhs.NHSNumber{})); err != nil || !got.IsZero() {
		t.Errorf("nobody came back as %v, %v", got, err)
	}
	for _, damaged := range []int64{-2, 9912003889, 99120038880} {
		if _, err := store.UnpackPatient(damaged); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%d: %v", damaged, err)
		}
	}
}
