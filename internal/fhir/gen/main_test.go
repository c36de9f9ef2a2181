package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The facts that lie in the package are those of HL7's schema.
func TestFactsAreCurrent(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "..", "shared", "stu3-xsd")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("HL7's schema is not here: %s", dir)
	}
	made, err := generate(filepath.Join(dir, "fhir-single.xsd"))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join("..", "stu3.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, kept) {
		t.Error("stu3.txt is not what the schema says: run go generate ./internal/fhir")
	}
}

func TestGenerateRefuses(t *testing.T) {
	dir := t.TempDir()
	sources := map[string]string{
		"not XML":          "<",
		"another particle": `<schema><complexType name="A"><sequence><any/></sequence></complexType></schema>`,
	}
	for name, source := range sources {
		file := filepath.Join(dir, "fhir-single.xsd")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := generate(file); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := generate(filepath.Join(dir, "absent.xsd")); err == nil {
		t.Error("no file: no error")
	}
}
