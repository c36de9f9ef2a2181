package directory

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/nhs"
)

// isJSON reports whether a file begins like JSON. It skips a byte order mark.
func isJSON(src *bufio.Reader) bool {
	if head, _ := src.Peek(len(byteOrderMark)); bytes.Equal(head, byteOrderMark) {
		_, _ = src.Discard(len(byteOrderMark))
	}
	head, _ := src.Peek(512)
	head = bytes.TrimLeft(head, " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

// ordRows yields the organisations in answers of ODS's Organisation Reference
// Data interface (ORD, 2-0-0): lists, {"Organisations": [...]}, and single
// organisations, {"Organisation": {...}}. The file may hold any number of
// answers, one after the other or in an array. Values of another form are
// reported.
func (im *importer) ordRows(ctx context.Context, r io.Reader) iter.Seq2[Organisation, error] {
	return func(yield func(Organisation, error) bool) {
		o := ordReader{importer: im, ctx: ctx, yield: yield, lines: lineCounter{Reader: r}}
		o.json = jsontext.NewDecoder(&o.lines)
		im.read = o.json.InputOffset
		for o.json.PeekKind() != 0 {
			if err := o.answer(); err != nil {
				o.end(err)
				return
			}
		}
		if _, err := o.json.ReadToken(); !errors.Is(err, io.EOF) {
			o.end(err)
		}
	}
}

// ordReader reads answers of ORD.
type ordReader struct {
	*importer
	ctx   context.Context //nolint:containedctx // lives for one call of ordRows
	yield func(Organisation, error) bool
	json  *jsontext.Decoder
	lines lineCounter
}

// errStopped says that the caller wants no more organisations.
var errStopped = errors.New("stopped")

// end ends the reading with an error.
func (o *ordReader) end(err error) {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, errStopped):
		return
	case errors.As(err, &syntax):
		err = fmt.Errorf("directory: line %d: the JSON is broken", o.lines.at(syntax.ByteOffset))
	}
	o.yield(Organisation{}, err)
}

// answer reads one answer, or several in an array.
func (o *ordReader) answer() error {
	start := o.json.PeekKind()
	if start != '{' && start != '[' {
		return o.skip("an answer of ORD")
	}
	if _, err := o.json.ReadToken(); err != nil {
		return err
	}
	if start == '[' {
		return o.all(o.answer)
	}
	for o.json.PeekKind() == '"' {
		name, err := o.json.ReadToken()
		if err != nil {
			return err
		}
		if err := o.member(name.String()); err != nil {
			return err
		}
	}
	_, err := o.json.ReadToken()
	return err
}

// member reads a member of an answer.
func (o *ordReader) member(name string) error {
	switch kind := o.json.PeekKind(); {
	case name == "Organisation":
		return o.organisation()
	case name == "Organisations" && kind == '[':
		if _, err := o.json.ReadToken(); err != nil {
			return err
		}
		return o.all(o.organisation)
	case name == "Organisations":
		return o.skip("a list of organisations")
	}
	return o.json.SkipValue()
}

// all reads the elements of an array and its end.
func (o *ordReader) all(read func() error) error {
	for kind := o.json.PeekKind(); kind != ']' && kind != 0; kind = o.json.PeekKind() {
		if err := read(); err != nil {
			return err
		}
	}
	_, err := o.json.ReadToken()
	return err
}

// skip reports a value that is not what was expected, and skips it.
func (o *ordReader) skip(expected string) error {
	_, line, err := o.value()
	if err == nil {
		o.bad(line, rowError{expected: expected})
	}
	return err
}

// value reads a whole value and returns the line on which it begins.
func (o *ordReader) value() (jsontext.Value, int, error) {
	value, err := o.json.ReadValue()
	if err != nil {
		return nil, 0, err
	}
	return value, o.lines.at(o.json.InputOffset() - int64(len(value))), nil
}

// organisation reads one organisation.
func (o *ordReader) organisation() error {
	value, line, err := o.value()
	if err != nil {
		return err
	}
	var r ordRecord
	if json.Unmarshal(value, &r) != nil {
		o.bad(line, rowError{expected: "an organisation as ORD 2-0-0 writes it"})
		return nil
	}
	entry, err := o.entry(r)
	var wrong rowError
	switch {
	case errors.As(err, &wrong):
		o.bad(line, wrong)
	case err != nil:
		return err
	case !o.yield(entry, nil):
		return errStopped
	}
	return nil
}

// entry converts an organisation of ORD to an entry of the directory. A list
// says neither what an organisation is nor who commissions it; those facts stay
// as the directory has them.
func (o *ordReader) entry(r ordRecord) (Organisation, error) {
	code, single, err := r.code()
	if err != nil {
		return Organisation{}, err
	}
	if r.Status == "" {
		return Organisation{}, rowError{"Status", "Active or Inactive"}
	}
	out := Organisation{Code: code, Name: r.Name, Closed: isClosed(r.Status)}
	if single {
		out.Practice, out.SubICB = r.isPractice(), r.commissioner()
		o.named(string(out.SubICB))
		return out, nil
	}
	before := Organisation{}
	if o.known != nil {
		if before, err = o.known.Organisation(o.ctx, code); err != nil && !errors.Is(err, ErrNotFound) {
			return out, fmt.Errorf("directory: looking for an organisation of the list: %w", err)
		}
	}
	if out.Practice, out.SubICB = before.Practice, before.SubICB; r.PrimaryRole == roleCostCentre && out.SubICB == "" && !out.Closed {
		o.Unplaced++
	}
	return out, nil
}

// ordRecord is an organisation of ORD, as far as the directory stores it. OrgId
// is the code itself in a list, and an object with the code elsewhere.
type ordRecord struct {
	Name        string
	OrgID       jsontext.Value `json:"OrgId"`
	Status      string
	PrimaryRole string `json:"PrimaryRoleId"` // only in a list
	Roles       struct {
		Role []struct {
			ID     string `json:"id"`
			Status string
		}
	}
	Rels struct {
		Rel []struct {
			ID     string `json:"id"`
			Status string
			Target struct {
				OrgID       ordID `json:"OrgId"`
				PrimaryRole struct {
					ID string `json:"id"`
				} `json:"PrimaryRoleId"`
			}
		}
	}
}

type ordID struct {
	Extension string `json:"extension"`
}

// code returns the ODS code, and whether this is a single organisation's answer.
func (r *ordRecord) code() (code nhs.ODSCode, single bool, err error) {
	var id ordID
	if single = r.OrgID.Kind() == '{'; single {
		err = json.Unmarshal(r.OrgID, &id)
	} else {
		err = json.Unmarshal(r.OrgID, &id.Extension)
	}
	if err == nil {
		code, err = nhs.ParseODSCode(id.Extension)
	}
	if err != nil {
		err = rowError{"OrgId", "an ODS code"}
	}
	return code, single, err
}

// isPractice reports whether it is a GP practice, or was one when it closed.
func (r *ordRecord) isPractice() bool {
	for _, role := range r.Roles.Role {
		if role.ID == roleGPPractice && role.Status == r.Status {
			return true
		}
	}
	return false
}

// commissioner returns the ICB sub-location that commissions it now.
func (r *ordRecord) commissioner() nhs.ODSCode {
	for _, rel := range r.Rels.Rel {
		if rel.ID == relCommissioned && rel.Status == statusActiveORD && rel.Target.PrimaryRole.ID == roleSubICB {
			if code, err := nhs.ParseODSCode(rel.Target.OrgID.Extension); err == nil {
				return code
			}
		}
	}
	return ""
}

// lineCounter counts the lines of what is read through it. It keeps the
// positions of line ends that no call of at has passed yet.
type lineCounter struct {
	io.Reader
	read int64
	line int     // line ends before the last requested offset
	ends []int64 // offsets just after the line ends that follow it
}

func (l *lineCounter) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			l.ends = append(l.ends, l.read+int64(i)+1)
		}
	}
	l.read += int64(n)
	return n, err
}

// at returns the line of an offset, from 1. Offsets must not decrease.
func (l *lineCounter) at(offset int64) int {
	passed := 0
	for passed < len(l.ends) && l.ends[passed] <= offset {
		passed++
	}
	l.line += passed
	l.ends = append(l.ends[:0], l.ends[passed:]...)
	return l.line + 1
}
