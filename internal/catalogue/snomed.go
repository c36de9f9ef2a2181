package catalogue

import "nems/internal/fhir"

const (
	snomedSystem = "http://snomed.info/sct"
	snomedPage   = "http://hl7.org/fhir/STU3/snomedct.html"
)

// snomed checks a coding under SNOMED CT: it must have a code, which is the
// identifier of a concept or an expression that starts with one. It does not
// know which concepts exist. It does not verify check digits either, because
// official examples have codes with wrong ones.
func (j *judge) snomed(coding fhir.Node) {
	if !coding.Child("system").EqualValue(snomedSystem) {
		return
	}
	code := coding.Child("code")
	if !code.HasValue() {
		j.report(finding{
			rule: "snomed-code", source: snomedPage, code: "required", at: coding,
			text: "a coding of the system " + snomedSystem + " has a code; received none",
		})
		return
	}
	id := leadingDigits(code.ValueBytes())
	if len(id) < 6 || len(id) > 18 || id[0] == '0' {
		j.report(finding{
			rule: "snomed-code", source: snomedPage, code: "code-invalid", at: code,
			text: "a code of SNOMED CT is an identifier of 6 to 18 digits, which does not start with 0, or an expression that starts with one; received another form",
		})
	}
}

// leadingDigits returns the identifier that a code is, or that an expression
// starts with. It returns nothing if something else follows.
func leadingDigits(code []byte) []byte {
	n := 0
	for n < len(code) && code[n] >= '0' && code[n] <= '9' {
		n++
	}
	if n < len(code) && code[n] != ':' && code[n] != '+' && code[n] != '|' && code[n] != ' ' {
		return nil
	}
	return code[:n]
}
