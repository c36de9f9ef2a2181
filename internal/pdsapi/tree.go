package pdsapi

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"nems/internal/nhs"
)

// object is a JSON object, as a patch works on it.
type object = map[string]any

// treeOf returns a resource as a patch works on it.
func treeOf(p patient) object {
	text, err := json.Marshal(p)
	if err != nil {
		return object{} // cannot happen: all of it are texts and numbers
	}
	var tree object
	_ = json.Unmarshal(text, &tree)
	return tree
}

// faults collects the first thing that is wrong. Reading goes on after it with
// zero values, so that no reader needs to check for errors.
type faults struct{ first *Fault }

func (f *faults) add(fault *Fault) {
	if f.first == nil {
		f.first = fault
	}
}

// object reads an object that may have these members.
func (f *faults) object(path string, v any, allowed ...string) object {
	o, ok := v.(object)
	if !ok {
		f.add(wrongValue(kindOf(v), path, "an object"))
		return object{}
	}
	var unknown []string
	for name := range o {
		if !slices.Contains(allowed, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		f.add(surplus(path, unknown))
	}
	return o
}

// list reads a list with at least min and at most max items; a missing one has none.
func (f *faults) list(path string, v any, least, most int) []any {
	items, ok := v.([]any)
	switch {
	case v == nil:
	case !ok:
		f.add(wrongValue(kindOf(v), path, "a list"))
		return nil
	}
	if len(items) < least {
		if v == nil {
			f.add(missing(path))
		} else {
			f.add(badRequest(tooFewValues, "Too few values - '"+path+"' has "+strconv.Itoa(len(items))+", expected at least "+strconv.Itoa(least)))
		}
		return nil
	}
	if len(items) > most {
		f.add(badRequest(tooManyValues, "Too many values - '"+path+"' has "+strconv.Itoa(len(items))+", expected at most "+strconv.Itoa(most)))
		return nil
	}
	return items
}

// anyNumber is the limit of lists that have none of their own.
const anyNumber = 100

// text reads a text with at most most characters; "" if it is missing.
func (f *faults) text(path string, v any, most int) string {
	if v == nil {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		f.add(wrongValue(kindOf(v), path, "a text"))
		return ""
	}
	if utf8.RuneCountInString(s) > most {
		f.add(wrongValue(s, path, "at most "+strconv.Itoa(most)+" characters"))
		return ""
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }) {
		f.add(badRequest(unsupportedChars, "Unsupported characters in field '"+path+"'"))
		return ""
	}
	return s
}

// needed reads a text that must be there.
func (f *faults) needed(path string, v any, most int) string {
	s := f.text(path, v, most)
	if strings.TrimSpace(s) == "" {
		if v == nil || v == "" {
			f.add(missing(path))
		} else {
			f.add(wrongValue(v, path, "a text that is not blank"))
		}
	}
	return s
}

// code reads one of these codes.
func (f *faults) code(path string, v any, codes ...string) string {
	s := f.needed(path, v, 100)
	if f.first == nil && !slices.Contains(codes, s) {
		f.add(wrongValue(s, path, "one of "+strings.Join(codes, ", ")))
	}
	return s
}

// fixed checks that a member, if it is there, has its only value.
func (f *faults) fixed(path string, v any, only string) {
	if v != nil && v != only {
		f.add(wrongValue(shown(v), path, only))
	}
}

// texts reads a list of texts that are not blank.
func (f *faults) texts(path string, v any, mostItems, mostRunes int) []string {
	var out []string
	for i, item := range f.list(path, v, 0, mostItems) {
		if item == nil {
			f.add(wrongValue("null", path+"/"+strconv.Itoa(i), "a text"))
			return nil
		}
		if s := f.text(path+"/"+strconv.Itoa(i), item, mostRunes); strings.TrimSpace(s) != "" {
			out = append(out, s)
		}
	}
	return out
}

var dateForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// isDate reports whether a text is a day that exists.
func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil && dateForm.MatchString(s)
}

// date reads a day; "" if it is missing.
func (f *faults) date(path string, v any) string {
	s := f.text(path, v, 40)
	if v != nil && f.first == nil && !isDate(s) {
		f.add(wrongValue(s, path, "a date such as 2024-12-31"))
		return ""
	}
	return s
}

// utcForm is how PDS writes and accepts times (patient-patch.yaml, Date of death).
var utcForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00$`)

// moment reads a date, or a date and time in UTC; "" if it is missing.
func (f *faults) moment(path string, v any) string {
	s := f.text(path, v, 40)
	if v == nil || f.first != nil || isDate(s) {
		return s
	}
	if _, err := time.Parse(time.RFC3339, s); err != nil || !utcForm.MatchString(s) {
		f.add(wrongValue(s, path, "")) // PDS's test compares this text
		return ""
	}
	return s
}

// integer reads a whole number in a range.
func (f *faults) integer(path string, v any, least, most int) int {
	n, ok := v.(float64)
	if !ok || n != math.Trunc(n) || n < float64(least) || n > float64(most) {
		f.add(wrongValue(shown(v), path, "a whole number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most)))
		return 0
	}
	return int(n)
}

// odsCode reads the identifier of an organisation. allowed are its members.
func (f *faults) odsCode(path string, v any, allowed ...string) (nhs.ODSCode, object) {
	o := f.object(path, v, append([]string{"system", "value"}, allowed...)...)
	f.fixed(path+"/system", o["system"], odsSystem)
	text := f.needed(path+"/value", o["value"], 100)
	code, err := nhs.ParseODSCode(text)
	if f.first == nil && (err != nil || string(code) != text) {
		f.add(wrongValue(text, path+"/value", "an ODS code in capital letters"))
	}
	return code, o
}

// shown is a value for an answer: itself if it is simple, and its kind otherwise.
func shown(v any) any {
	switch v.(type) {
	case string, float64, bool:
		return v
	}
	return kindOf(v)
}

// kindOf says what a value is.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case object:
		return "an object"
	case []any:
		return "a list"
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return "an unknown kind"
}
