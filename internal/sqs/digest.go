package sqs

import (
	"crypto/md5" //nolint:gosec // the protocol's checksum, which protects against nothing but accidents
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// attribute is a value beside a message's body.
type attribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

// text makes an attribute of a text.
func text(value string) attribute { return attribute{DataType: "String", StringValue: &value} }

func digestOf(b []byte) string {
	sum := md5.Sum(b) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// digestAttributes returns the checksum of attributes, "" for none (AWS, SQS
// developer guide, "Calculating the MD5 message digest for message attributes").
func digestAttributes(all map[string]attribute) string {
	if len(all) == 0 {
		return ""
	}
	var b []byte
	field := func(s string) {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...) //nolint:gosec // below 1 MiB
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a := all[name]
		field(name)
		field(a.DataType)
		if a.StringValue != nil {
			b = append(b, 1)
			field(*a.StringValue)
		} else {
			b = append(b, 2)
			field(string(a.BinaryValue))
		}
	}
	return digestOf(b)
}

// sizeOf is what attributes count towards the size of a message.
func sizeOf(all map[string]attribute) (n int) {
	for name, a := range all {
		n += len(name) + len(a.DataType) + len(a.BinaryValue)
		if a.StringValue != nil {
			n += len(*a.StringValue)
		}
	}
	return n
}

// Attributes of a message, by number and by name.
const (
	mostAttributes = 10
	mostName       = 256
)

// checkAttributes says what is wrong with the attributes that a message comes with.
func checkAttributes(all map[string]attribute) error {
	if len(all) > mostAttributes {
		return badValue.because("A message has at most %d attributes.", mostAttributes)
	}
	for name, a := range all {
		lower := strings.ToLower(name)
		kind, _, _ := strings.Cut(a.DataType, ".")
		switch {
		case !isName(name, mostName, "-_.") || strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
			return badValue.because("The name of an attribute has 1 to 256 letters, digits, dashes, underscores and dots, and does not begin with AWS. or Amazon.")
		case kind != "String" && kind != "Number" && kind != "Binary" || len(a.DataType) > mostName:
			return badValue.because("The attribute %s: expected the DataType String, Number or Binary.", name)
		case kind == "Binary" && (len(a.BinaryValue) == 0 || a.StringValue != nil),
			kind != "Binary" && (a.StringValue == nil || *a.StringValue == "" || a.BinaryValue != nil):
			return badValue.because("The attribute %s: expected one value, of its DataType.", name)
		case a.StringValue != nil && !isText(*a.StringValue):
			return badContents
		}
	}
	return nil
}

// isName reports whether a name has 1 to most letters, digits and other signs.
func isName(s string, most int, signs string) bool {
	return s != "" && len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(signs, r)
	})
}

// isText reports whether a text has only characters that SQS carries.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	})
}
