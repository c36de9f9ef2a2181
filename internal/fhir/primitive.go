package fhir

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// kind is the form that a value attribute must have.
type kind uint8

const (
	kindNone kind = iota
	kindCodeList
	kindBase64Binary
	kindBoolean
	kindCode
	kindDate
	kindDateTime
	kindDecimal
	kindID
	kindInstant
	kindInteger
	kindMarkdown
	kindOID
	kindPositiveInt
	kindSampledData
	kindString
	kindTime
	kindUnsignedInt
	kindURI
	kindUUID
)

// kindNames returns the FHIR type of each kind (STU3, datatypes.html).
var kindNames = [...]string{
	kindCodeList: "code", kindBase64Binary: "base64Binary", kindBoolean: "boolean", kindCode: "code",
	kindDate: "date", kindDateTime: "dateTime", kindDecimal: "decimal", kindID: "id", kindInstant: "instant",
	kindInteger: "integer", kindMarkdown: "markdown", kindOID: "oid", kindPositiveInt: "positiveInt",
	kindSampledData: "string", kindString: "string", kindTime: "time", kindUnsignedInt: "unsignedInt",
	kindURI: "uri", kindUUID: "uuid",
}

// kinds maps types of the schema to kinds.
var kinds = func() map[string]kind {
	m := map[string]kind{"SampledDataDataType": kindSampledData}
	for k, name := range kindNames {
		if name != "" && kind(k) != kindCodeList && kind(k) != kindSampledData {
			m[name] = kind(k)
		}
	}
	return m
}()

// verdict on a value; verdictGood is the zero value.
type verdict uint8

const (
	verdictGood     verdict = iota
	verdictForm             // the schema refuses its form or value
	verdictCode             // not in the required list
	verdictEmpty            // empty, or only white space
	verdictPadded           // white space that the type does not allow
	verdictZone             // a time of day without a time zone
	verdictRange            // outside the range in the type's definition
	verdictInstant          // a dateTime of XML schema, but not an instant of FHIR
	verdictBoolean          // 0 or 1
	verdictTooLong          // a string over 1 MB
	verdictTooExact         // a decimal with more digits than are supported
	verdictAlphabet         // characters that base64 does not have
)

// checkValue judges the value of an element of type t, after references were resolved.
func (t *typeFacts) checkValue(v []byte) verdict {
	switch t.kind {
	case kindString, kindMarkdown:
		return checkString(v)
	case kindCodeList:
		return t.checkListed(v)
	case kindSampledData:
		return form(isSampledData(v))
	case kindID:
		return form(isID(v))
	case kindBase64Binary:
		return checkBase64(v)
	}
	// XML schema collapses white space in all other types. FHIR's definitions
	// allow none at the ends, and the value that is read must be the one that
	// was checked.
	switch {
	case len(v) == 0 || isBlank(v):
		return t.checkBlank()
	case isSpace(v[0]) || isSpace(v[len(v)-1]):
		return verdictPadded
	}
	return t.checkToken(v)
}

// checkToken judges a value without white space at its ends.
func (t *typeFacts) checkToken(v []byte) verdict {
	switch t.kind {
	case kindURI:
		return checkURI(v)
	case kindCode:
		return checkCode(v)
	case kindDate:
		return checkDate(v, false)
	case kindDateTime:
		return checkDate(v, true)
	case kindInstant:
		return checkInstant(v)
	case kindTime:
		return form(isTimeOfDay(v))
	case kindBoolean:
		return checkBoolean(v)
	case kindInteger, kindUnsignedInt, kindPositiveInt:
		return checkInteger(v, t.kind)
	case kindDecimal:
		return checkDecimal(v)
	case kindOID:
		return form(isOID(v))
	case kindUUID:
		return form(isUUID(v))
	}
	return verdictForm
}

// checkBlank judges an empty value: the schema accepts an empty uri, but FHIR accepts no empty
// attribute.
func (t *typeFacts) checkBlank() verdict {
	if t.kind == kindURI {
		return verdictEmpty
	}
	return verdictForm
}

func form(good bool) verdict {
	if good {
		return verdictGood
	}
	return verdictForm
}

// maxString is FHIR's limit for strings, in bytes (STU3, datatypes.html).
const maxString = 1024 * 1024

func checkString(v []byte) verdict {
	switch {
	case len(v) == 0:
		return verdictForm
	case len(v) > maxString:
		return verdictTooLong
	case v[0] <= ' ' && isBlank(v):
		return verdictEmpty
	}
	return verdictGood
}

func (t *typeFacts) checkListed(v []byte) verdict {
	for _, code := range t.codes {
		if code == string(v) {
			return verdictGood
		}
	}
	if trimmed := bytes.Trim(v, " \t\r\n"); len(trimmed) < len(v) && len(trimmed) > 0 {
		return verdictPadded
	}
	return verdictCode
}

// checkCode allows single blanks between the words of a code.
func checkCode(v []byte) verdict {
	for i, c := range v {
		if isSpace(c) && (c != ' ' || v[i-1] == ' ') {
			return verdictPadded
		}
	}
	return verdictGood
}

func checkBoolean(v []byte) verdict {
	switch string(v) {
	case "true", "false":
		return verdictGood
	case "0", "1":
		return verdictBoolean
	}
	return verdictForm
}

func isID(v []byte) bool {
	if len(v) == 0 || len(v) > 64 {
		return false
	}
	for _, c := range v {
		if !isAlphanumeric(c) && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func isOID(v []byte) bool {
	rest, found := bytes.CutPrefix(v, []byte("urn:oid:"))
	if !found {
		return false
	}
	for part := range bytes.SplitSeq(rest, []byte(".")) {
		if !isPlainNumber(part) {
			return false
		}
	}
	return true
}

func isUUID(v []byte) bool {
	rest, found := bytes.CutPrefix(v, []byte("urn:uuid:"))
	if !found || len(rest) != 36 {
		return false
	}
	for i, c := range rest {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isPlainNumber reports whether v is "0", or digits without a leading zero.
func isPlainNumber(v []byte) bool {
	return len(v) > 0 && (v[0] != '0' || len(v) == 1) && allDigits(v)
}

// checkInteger limits all three integer types to 32 bits (STU3,
// datatypes.html); the schema does so only for integer.
func checkInteger(v []byte, k kind) verdict {
	digits := v
	if k == kindInteger && v[0] == '-' {
		digits = v[1:]
	}
	if !isPlainNumber(digits) || k == kindPositiveInt && v[0] == '0' {
		return verdictForm
	}
	limit := "2147483647"
	if len(digits) < len(v) {
		limit = "2147483648"
	}
	if len(digits) < len(limit) || len(digits) == len(limit) && string(digits) <= limit {
		return verdictGood
	}
	if k == kindInteger {
		return verdictForm
	}
	return verdictRange
}

// maxDecimalDigits is the limit of libxml2, with which the schema is usually
// checked; FHIR demands at least 18.
const maxDecimalDigits = 24

func checkDecimal(v []byte) verdict {
	whole, fraction, point := bytes.Cut(bytes.TrimPrefix(v, []byte("-")), []byte("."))
	if !isPlainNumber(whole) || point && (len(fraction) == 0 || !allDigits(fraction)) {
		return verdictForm
	}
	digits := len(whole) + len(fraction)
	if whole[0] == '0' {
		digits--
	}
	if digits > maxDecimalDigits {
		return verdictTooExact
	}
	return verdictGood
}

// isSampledData reports whether v is a list of decimals or the letters E, U and L, with one blank
// between them.
func isSampledData(v []byte) bool {
	for part := range bytes.SplitSeq(v, []byte(" ")) {
		if len(part) == 1 && (part[0] == 'E' || part[0] == 'U' || part[0] == 'L') {
			continue
		}
		whole, fraction, point := bytes.Cut(bytes.TrimPrefix(part, []byte("-")), []byte("."))
		if point && !(len(fraction) > 0 && unicodeDigits(fraction)) || !point && len(whole) == 0 || !unicodeDigits(whole) {
			return false
		}
	}
	return true
}

// unicodeDigits reports whether v consists of decimal digits of any script, which is what \d means
// in a pattern of XML schema.
func unicodeDigits(v []byte) bool {
	for len(v) > 0 {
		r, size := utf8.DecodeRune(v)
		if !unicode.Is(unicode.Nd, r) {
			return false
		}
		v = v[size:]
	}
	return true
}

// checkBase64 demands whole groups of four and no stray bits in the last group;
// white space is allowed anywhere. Other characters have a verdict of their
// own, because libxml2 skips them as MIME does.
func checkBase64(v []byte) verdict {
	digits, pads, foreign := 0, 0, false
	var last byte
	for _, c := range v {
		switch value := base64Value(c); {
		case isSpace(c):
		case c == '=':
			pads++
		case value == 0xff:
			foreign = true
		case pads > 0:
			return verdictForm
		default:
			digits++
			last = value
		}
	}
	switch {
	case (digits+pads)%4 != 0, pads > 2, pads == 1 && last&3 != 0, pads == 2 && last&15 != 0:
		return verdictForm
	case foreign:
		return verdictAlphabet
	case digits == 0:
		return verdictEmpty
	}
	return verdictGood
}

func base64Value(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A'
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26
	case isDigit(c):
		return c - '0' + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return 0xff
}
