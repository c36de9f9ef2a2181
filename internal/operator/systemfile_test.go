package operator_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/access"
	"nems/internal/operator"
	"nems/internal/spine"
)

const oneSystem = `
asid: "200000000115"
odsCodes: [RR8]
interactions: ["urn:nhs:names:services:clinicals-sync:*"]
kinds: [explicit]
mailboxes: ["*"]
certificateNames: [leeds.example.nhs.uk]
`

func TestSystemFiles(t *testing.T) {
	indented := strings.ReplaceAll(strings.TrimSpace(oneSystem), "\n", "\n  ")
	for name, text := range map[string]string{
		"one": oneSystem, "a list": "- " + indented, "under systems": "systems:\n- " + indented,
		"JSON": `[{"asid":"200000000115","odsCodes":["RR8"],"interactions":["` + access.CreateInteraction + `"]}]`,
	} {
		systems, err := operator.ReadSystems([]byte(text), ".")
		if err != nil || len(systems) != 1 || systems[0].ASID != "200000000115" || systems[0].ODSCodes[0] != "RR8" {
			t.Errorf("%s: %+v, %v", name, systems, err)
		}
	}
}

func TestWrongSystemFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":              {"", "expected one of the systems"},
		"no YAML":            {"a: [", ""},
		"a number":           {strings.Replace(oneSystem, `"200000000115"`, "200000000115", 1), "asid: put the value in quotes"},
		"an unknown member":  {oneSystem + "odsCode: X26\n", "odsCode"},
		"a text for a list":  {strings.Replace(oneSystem, "[RR8]", "RR8", 1), "odsCodes"},
		"twice":              {"systems: [{asid: '200000000115', odsCodes: [RR8], interactions: []}, {asid: '200000000115', odsCodes: [RR8], interactions: []}]", "twice"},
		"no organisation":    {strings.Replace(oneSystem, "[RR8]", "[]", 1), "odsCodes"},
		"a key file missing": {oneSystem + "keyFiles: [no-such.pem]\n", "no-such.pem"},
	} {
		_, err := operator.ReadSystems([]byte(c.text), t.TempDir())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: expected an error with %q; received %v", name, c.want, err)
		}
	}
}

// Keys lie in files beside the file of systems, in several forms.
func TestKeyFiles(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a.pem", "b.pem"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	systems, err := operator.ReadSystems([]byte(oneSystem+"keyFiles: [a.pem, b.pem]\n"), folder)
	if err != nil || systems[0].Keys.Len() != 2 {
		t.Fatalf("%+v, %v", systems, err)
	}
	row, err := operator.EncodeSystem(systems[0])
	if err != nil {
		t.Fatal(err)
	}
	if again, err := operator.DecodeSystem(row); err != nil || again.Keys.Len() != 2 {
		t.Errorf("stored and read: %d keys, %v", again.Keys.Len(), err)
	}
	both := oneSystem + "keyFiles: [a.pem]\nkeys: " + strings.ReplaceAll(string(mustJSON(t, systems[0].Keys)), "\n", "") + "\n"
	if _, err := operator.ReadSystems([]byte(both), folder); err == nil || !strings.Contains(err.Error(), "either") {
		t.Errorf("keys and keyFiles: %v", err)
	}
}

func mustJSON(t *testing.T, k spine.Keys) []byte {
	t.Helper()
	text, err := k.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// FuzzReadSystems: whatever a file holds, what is read of it is valid.
func FuzzReadSystems(f *testing.F) {
	f.Add(oneSystem)
	f.Add("systems: [{asid: '1'}]")
	f.Add("&a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		systems, err := operator.ReadSystems([]byte(text), "no-such-folder")
		if err != nil {
			return
		}
		for _, s := range systems {
			if err := s.Validate(); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}
