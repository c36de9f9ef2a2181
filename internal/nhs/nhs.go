// Package nhs holds the identifiers that every part of a NEMS uses: NHS
// numbers, ODS codes and ASIDs. Text is parsed once, at the edge. From there on
// the type says what a value is, and that it is well formed.
package nhs

import (
	"errors"
	"fmt"
	"strings"
)

// Sentinel errors of this package. None of them contains the refused text, so
// they can be logged.
var (
	ErrNHSNumberForm  = errors.New("an NHS number has ten digits")
	ErrNHSNumberCheck = errors.New("the check digit of the NHS number is wrong")
	ErrODSCode        = errors.New("an ODS code has 1 to 12 capital letters and digits")
	ErrASID           = errors.New("an ASID has twelve digits")
)

// NHSNumber identifies a patient in England, Wales and the Isle of Man: ten
// digits, the last one a modulus 11 check digit (NHS Data Dictionary, NHS
// NUMBER). The zero value means no number.
//
// It prints as a placeholder, whatever the verb. Only Digits returns the
// number, so that no log line or error holds one by accident.
type NHSNumber struct{ digits string }

// ParseNHSNumber reads ten digits; blanks between them are allowed. It returns
// ErrNHSNumberForm or ErrNHSNumberCheck.
func ParseNHSNumber(s string) (NHSNumber, error) {
	if strings.Contains(s, " ") {
		s = strings.ReplaceAll(s, " ", "")
	}
	if len(s) != 10 {
		return NHSNumber{}, ErrNHSNumberForm
	}
	for i := range 10 {
		if s[i] < '0' || s[i] > '9' {
			return NHSNumber{}, ErrNHSNumberForm
		}
	}
	if check, exists := checkDigit(s[:9]); !exists || check != s[9] {
		return NHSNumber{}, ErrNHSNumberCheck
	}
	return NHSNumber{strings.Clone(s)}, nil
}

// Digits returns the ten digits, or "" for the zero value.
func (n NHSNumber) Digits() string { return n.digits }

// IsZero reports whether there is no number.
func (n NHSNumber) IsZero() bool { return n.digits == "" }

// Format keeps the number out of everything that is printed.
func (n NHSNumber) Format(f fmt.State, _ rune) {
	if n.IsZero() {
		_, _ = f.Write([]byte("[no NHS number]"))
		return
	}
	_, _ = f.Write([]byte("[NHS number]"))
}

// MarshalText keeps the number out of JSON logs; it never fails.
func (n NHSNumber) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(n)), nil }

// ODSCode identifies an organisation or site in the Organisation Data Service,
// in capital letters.
type ODSCode string

// ParseODSCode reads an ODS code; small letters become capitals. It returns
// ErrODSCode.
func ParseODSCode(s string) (ODSCode, error) {
	if len(s) == 0 || len(s) > 12 {
		return "", ErrODSCode
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			return "", ErrODSCode
		}
	}
	return ODSCode(strings.ToUpper(s)), nil
}

// ASID is the Accredited System Identifier of a system registered with the
// Spine: twelve digits.
type ASID string

// ParseASID reads an ASID. It returns ErrASID.
func ParseASID(s string) (ASID, error) {
	if len(s) != 12 {
		return "", ErrASID
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "", ErrASID
		}
	}
	return ASID(s), nil
}
