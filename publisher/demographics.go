package publisher

import (
	"context"
	"errors"
	"fmt"

	"nems/message"
)

// Errors of tracing.
var (
	// ErrHeldBack: nothing may be sent about this patient. It is a *HeldBackError.
	ErrHeldBack = errors.New("held back")
	// ErrNotTraced: PDS has no such patient.
	ErrNotTraced = errors.New("PDS has no patient with this NHS number")
	// ErrAway: PDS does not answer now; ask again later.
	ErrAway = errors.New("PDS does not answer")
)

// Reason is why a message is held back.
type Reason string

// Reasons for holding a message back.
const (
	// Sensitive: PDS restricts access to the record (S flag).
	Sensitive Reason = "sensitive"
	// Invalid: PDS has withdrawn the record (I flag).
	Invalid Reason = "invalid"
	// Dissent: the patient does not want to share.
	Dissent Reason = "dissent"
	// Superseded: another number has replaced the patient's while the message waited.
	Superseded Reason = "superseded"
	// Unknown: PDS no longer knows the number, while the message waited.
	Unknown Reason = "unknown"
)

// HeldBackError says why nothing may be sent. It names nobody.
type HeldBackError struct{ Reason Reason }

func (e *HeldBackError) Error() string {
	return fmt.Sprintf("held back: %s (publisher information governance)", e.Reason)
}

// Is makes every HeldBackError an ErrHeldBack.
func (e *HeldBackError) Is(target error) bool { return target == ErrHeldBack }

// Traced is what PDS has about a patient.
type Traced struct {
	// NHSNumber is the number of the record: another than was asked for if that is superseded.
	NHSNumber string
	Family    string
	Given     []string
	BirthDate message.Date // "" means unknown
	Sensitive bool         // S flag
	Invalid   bool         // I flag; all else is then unknown
}

// Tracer asks PDS for a patient. Package publisher/pds has one. It returns ErrNotTraced or
// ErrAway where there is no answer, and is safe for concurrent use.
type Tracer interface {
	Trace(ctx context.Context, nhsNumber string) (Traced, error)
}

// Demographics finds out before a message is made whether it may be, and about whom.
type Demographics struct {
	Tracer Tracer
	// Dissent reports whether a patient does not want to share, by the publisher's own
	// rules; nil means that nobody dissents.
	Dissent func(ctx context.Context, nhsNumber string) (bool, error)
}

// Patient traces a patient and returns them as PDS has them: its number, its official name
// and its date of birth, which go into the routing demographics. If the number is
// superseded, the patient has the new one (compare NHSNumber). All else is as given. It
// returns a *HeldBackError where nothing may be sent.
func (d Demographics) Patient(ctx context.Context, p message.Patient) (message.Patient, error) {
	traced, err := d.ask(ctx, p.NHSNumber)
	if err != nil {
		return message.Patient{}, err
	}
	p.NHSNumber = traced.NHSNumber
	if traced.Family != "" && len(traced.Given) > 0 {
		p.Names = official(p.Names, message.HumanName{Use: "official", Family: traced.Family, Given: traced.Given})
	}
	if traced.BirthDate != "" && traced.BirthDate != p.BirthDate {
		p.BirthDate, p.BirthTime = traced.BirthDate, ""
	}
	return p, nil
}

// official puts PDS's name in the place of the official one.
func official(names []message.HumanName, name message.HumanName) []message.HumanName {
	out := []message.HumanName{name}
	for _, n := range names {
		if n.Use != "" && n.Use != "official" {
			out = append(out, n)
		}
	}
	return out
}

// ask traces a number and holds back what must be.
func (d Demographics) ask(ctx context.Context, number string) (Traced, error) {
	traced, err := d.Tracer.Trace(ctx, number)
	switch {
	case err != nil:
		return Traced{}, err
	case traced.Invalid:
		return Traced{}, &HeldBackError{Invalid}
	case traced.Sensitive:
		return Traced{}, &HeldBackError{Sensitive}
	}
	if d.Dissent == nil {
		return traced, nil
	}
	for _, n := range numbers(number, traced.NHSNumber) {
		dissents, err := d.Dissent(ctx, n)
		if err != nil {
			return Traced{}, fmt.Errorf("asking for dissent: %w", err)
		}
		if dissents {
			return Traced{}, &HeldBackError{Dissent}
		}
	}
	return traced, nil
}

// numbers are those under which a publisher may know a patient.
func numbers(asked, current string) []string {
	if asked == current {
		return []string{asked}
	}
	return []string{asked, current}
}

// still reports whether a message that has waited may be sent now.
func (d Demographics) still(ctx context.Context, number string) error {
	traced, err := d.ask(ctx, number)
	switch {
	case errors.Is(err, ErrNotTraced):
		return &HeldBackError{Unknown}
	case err != nil:
		return err
	case traced.NHSNumber != number:
		return &HeldBackError{Superseded}
	}
	return nil
}
