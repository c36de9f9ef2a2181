package nodetest

import (
	"bytes"
	"context"
	"testing"
	"time"

	"nems/internal/catalogue/example"
	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/nhs"
)

// Patients of the development world that tests speak of (docs/dev-world.md).
const (
	Jack     = "9912003888" // born 2017-10-02, LS17 7DF, practice B86056
	Alex     = "9434765919" // WF14 0BQ, practice B85612
	Nobody   = "9990000018" // not in the directory
	NoSuchGP = "9990000069" // LS1 4AP, no practice
)

// Patient finds somebody of the development world.
func Patient(t testing.TB, number string) directory.Patient {
	t.Helper()
	world, err := devworld.New()
	if err != nil {
		t.Fatal(err)
	}
	n, err := nhs.ParseNHSNumber(number)
	if err != nil {
		t.Fatal(err)
	}
	p, err := world.Patient(context.Background(), n)
	if err != nil {
		t.Fatalf("patient %d of the development world: %v", len(number), err)
	}
	return p
}

// Message makes a valid message of an event type about a patient of the
// development world: another message, with ids of its own, every time.
func Message(t testing.TB, code, kind, number string) []byte {
	t.Helper()
	return MessageAbout(t, code, kind, Patient(t, number))
}

// MessageAbout makes a valid message about anybody.
func MessageAbout(t testing.TB, code, kind string, p directory.Patient) []byte {
	t.Helper()
	about := example.Patient{NHSNumber: p.NHSNumber.Digits(), Family: p.Family, Postcode: p.Postcode, Practice: string(p.GP)}
	if !p.BirthDate.IsZero() {
		about.BirthDate = p.BirthDate.Format(time.DateOnly)
	}
	if len(p.Given) > 0 {
		about.Given = p.Given[0]
	}
	message, err := example.Message(code, kind, about)
	if err != nil {
		t.Fatalf("example of %s %s: %v", code, kind, err)
	}
	return message
}

// Replace swaps a text that a message must hold for another, for messages that
// are wrong in one way.
func Replace(t testing.TB, message []byte, from, to string) []byte {
	t.Helper()
	out := bytes.ReplaceAll(message, []byte(from), []byte(to))
	if bytes.Equal(out, message) {
		t.Fatalf("the message does not hold the text that was to be replaced by %q", to)
	}
	return out
}
