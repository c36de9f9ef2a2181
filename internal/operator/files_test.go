package operator_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"nems/internal/operator"
)

func TestAccessIsLeftAndTakenAway(t *testing.T) {
	folder := t.TempDir()
	want := operator.Access{URL: "https://localhost:9090", Token: operator.NewToken()}
	for range 2 { // a second start replaces what the first left
		if err := operator.WriteAccess(folder, want); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := operator.ReadAccess(folder); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for range 2 {
		if err := operator.EndAccess(folder, false); err != nil {
			t.Error(err)
		}
	}
	if _, err := operator.ReadAccess(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after it was removed: %v", err)
	}
	if err := operator.EndAccess(folder, true); err != nil {
		t.Error(err)
	}
	if got, err := operator.ReadAccess(folder); err != nil || got != (operator.Access{Shared: true}) {
		t.Errorf("of a shared database: %+v, %v", got, err)
	}
	if operator.NewToken() == want.Token {
		t.Error("two tokens are equal")
	}
}

func TestAuditKeyIsNeverReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.key")
	if err := operator.MakeAuditKey(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	private, err := operator.ReadAuditKey(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + ".pub"} {
		public, err := operator.ReadAuditPublicKey(name)
		if err != nil || !public.Equal(private.Public()) {
			t.Errorf("%s: another public key, %v", name, err)
		}
	}
	if err := operator.MakeAuditKey(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("making it again: %v", err)
	}
	if _, err := operator.ReadAuditKey(path + ".pub"); err == nil {
		t.Error("a public key passes for a private one")
	}
}
