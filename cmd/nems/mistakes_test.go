package main

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommonestMistakes: whoever makes a usual mistake is told what to do next.
func TestCommonestMistakes(t *testing.T) {
	folder := t.TempDir()
	message := file(t, "message.xml", does(t, "", "example", "vaccinations-1"))
	nowhere := filepath.Join(folder, "none.pem")
	there, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	busy := there.Addr().String()
	for _, row := range []struct {
		args, says string
	}{
		{"publsh", `did you mean "publish"`},
		{"systems lst", `did you mean "list"`},
		{"publish --ulr x", `did you mean "--url"`},
		{"config explain fhir-listn", "fhir-listen"},
		{"publish " + filepath.Join(folder, "none.xml"), "correct the path"},
		{"validate " + filepath.Join(folder, "none.xml"), "correct the path"},
		{"import patients " + filepath.Join(folder, "none.csv"), "correct the path"},
		{"publish --ca " + nowhere + " " + message, "nems certs DIR"},
		{"publish --cert " + nowhere + " --key " + nowhere + " " + message, "nems certs DIR"},
		{"serve --dev --data " + folder + " --listen " + busy, "give this service another address (--listen)"},
		{"serve --dev --data " + folder + " --listen 127.0.0.1:0 --tls-cert " + nowhere + " --tls-key " + nowhere, "nems certs DIR"},
		{"publish --url http://127.0.0.1:1 " + message, "nems serve --dev"},
		{"example vaccination-1", "vaccinations-1"},
		{"subscribe --event vaccinations-1", "--nhs-number"},
		{"systems list --data " + filepath.Join(folder, "none"), "give --data"},
	} {
		if text := complaint(t, strings.Fields(row.args)...); !strings.Contains(text, row.says) {
			t.Errorf("nems %s: expected %q in\n%s", row.args, row.says, text)
		}
	}
}

// complaint runs a command that must fail and returns what it says on standard error.
func complaint(t *testing.T, args ...string) string {
	t.Helper()
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	usual := os.Stderr
	os.Stderr = said
	defer func() { os.Stderr = usual }()
	if text, code := printed(t, args...); code == 0 {
		t.Errorf("nems %s: succeeded\n%s", strings.Join(args, " "), text)
	}
	text, err := os.ReadFile(said.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Root may do everything, so the error is made here.
func TestFolderWithoutRights(t *testing.T) {
	err := withHint(&fs.PathError{Op: "mkdir", Path: filepath.Join(t.TempDir(), "x"), Err: os.ErrPermission})
	for _, want := range []string{"The account ", "ls -ld ", "name another place"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q in %v", want, err)
		}
	}
}
