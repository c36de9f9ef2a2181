package fhir

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
)

//go:generate go run ./gen -schema ../../testdata/hl7

//go:embed stu3.txt
var stu3 string

// Types that the code names. They come first in the table.
const (
	typeUnknown uint16 = iota
	typeExtension
	typeResourceContainer
	typeXHTML
	typeNarrative
)

// factTable is the structure of FHIR STU3, ready for the scanner.
type factTable struct {
	names      []string // element names; index 0 means none
	types      []typeFacts
	invariants [][]*invariant // by type
	contained  uint16         // the name of elements that hold a contained resource
}

// typeFacts is one type, including what it inherits.
type typeFacts struct {
	name, fhirName   string
	kind             kind     // form of the value attribute; kindNone has none
	isElement        bool     // derived from Element: ele-1 holds
	isResource       bool     // derived from Resource
	isDomainResource bool     // derived from DomainResource: it may contain others
	codes            []string // the codes of a required list
	slots            []slot   // content, in order
	required         uint64   // slots that must be filled
	cells            []cell   // hash table of the elements' names
	mask             uint64
}

// slot is one place in a type's content: an element, or a choice of several.
type slot struct {
	elements []elementFacts
	many     bool
	required bool
}

type elementFacts struct{ name, typ uint16 }

// cell is one place of a type's hash table; name 0 means empty.
type cell struct {
	key       nameKey
	name, typ uint16
	slot      uint8
	length    uint8 // of the name
	many      bool
}

// nameKey and the length of a name together identify names of at most 16 bytes.
// For a longer name it holds the first and the last eight bytes.
type nameKey struct{ first, last uint64 }

// facts reads the embedded table once, at first use. That takes a millisecond or two.
var facts = sync.OnceValue(func() *factTable {
	table, err := loadFacts(stu3)
	if err != nil {
		panic("fhir: the embedded facts are broken: " + err.Error()) // a defect of the build, never caused by input
	}
	return table
})

func keyOf(name []byte) nameKey {
	n := len(name)
	var k nameKey
	switch {
	case n >= 8:
		k.first, k.last = binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[n-8:])
	case n >= 4:
		k.first, k.last = uint64(binary.LittleEndian.Uint32(name)), uint64(binary.LittleEndian.Uint32(name[n-4:]))
	case n > 0:
		k.first, k.last = uint64(name[0])|uint64(name[n/2])<<8, uint64(name[n-1])
	}
	return k
}

func (k nameKey) hash(length int) uint64 {
	x := (uint64(length) + k.first ^ bits.RotateLeft64(k.last, 29)) * 0x9e3779b97f4a7c15
	return x ^ x>>32
}

// find looks an element's name up among the children that t may have.
func (t *typeFacts) find(names []string, name []byte) *cell {
	if len(t.cells) == 0 {
		return nil
	}
	key := keyOf(name)
	for i := key.hash(len(name)); ; i++ {
		c := &t.cells[i&t.mask]
		if c.name == 0 {
			return nil
		}
		if c.key == key && int(c.length) == len(name) && (len(name) <= 16 || names[c.name] == string(name)) {
			return c
		}
	}
}

// loader turns the text of stu3.txt into a factTable.
type loader struct {
	table   factTable
	nameIDs map[string]uint16
	typeIDs map[string]uint16
	base    map[uint16]string
	own     map[uint16][]slot
	current uint16

	elements []elementFacts // the elements of all slots, in one allocation
}

func loadFacts(text string) (*factTable, error) {
	l := &loader{
		nameIDs: make(map[string]uint16, 1500), typeIDs: make(map[string]uint16, 800),
		base: make(map[uint16]string, 600), own: make(map[uint16][]slot, 600), elements: make([]elementFacts, 0, 4500),
	}
	l.table.names = append(make([]string, 0, 1500), "")
	l.table.types = append(make([]typeFacts, 0, 800), typeFacts{})
	for _, name := range []string{"Extension", "ResourceContainer", "xhtml", "Narrative"} {
		l.typeID(name)
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if err := l.line(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	for id := range l.table.types {
		if err := l.finish(uint16(id)); err != nil {
			return nil, fmt.Errorf("type %s: %w", l.table.types[id].name, err)
		}
	}
	if err := l.loadInvariants(invariantFacts); err != nil {
		return nil, err
	}
	return &l.table, nil
}

func (l *loader) line(line string) error {
	if line == "" || line[0] == '#' {
		return nil
	}
	if line[0] == '\t' {
		return l.slot(line[1:])
	}
	fields := strings.Split(line, "\t")
	if len(fields) < 2 {
		return fmt.Errorf("no name")
	}
	l.current = l.typeID(fields[1])
	t := &l.table.types[l.current]
	switch {
	case fields[0] == "type" && len(fields) == 3:
		l.base[l.current] = fields[2]
	case fields[0] == "primitive":
		l.base[l.current] = "Element"
		t.kind = kinds[fields[1]]
		if t.kind == kindNone {
			return fmt.Errorf("no check for values of type %s", fields[1])
		}
		t.fhirName = kindNames[t.kind]
	case fields[0] == "codes":
		l.base[l.current] = "Element"
		t.kind, t.codes, t.fhirName = kindCodeList, fields[2:], "code"
	default:
		return fmt.Errorf("unknown kind of line")
	}
	return nil
}

// slot reads "name type min max" or "? name:type ... min max".
func (l *loader) slot(line string) error {
	rest, most, good1 := cutLast(line)
	rest, least, good2 := cutLast(rest)
	first, rest, good3 := strings.Cut(rest, " ")
	if !good1 || !good2 || !good3 {
		return fmt.Errorf("too few fields")
	}
	start := len(l.elements)
	if first != "?" {
		l.elements = append(l.elements, elementFacts{l.nameID(first), l.typeID(rest)})
	} else {
		for f := range strings.FieldsSeq(rest) {
			name, typ, _ := strings.Cut(f, ":")
			l.elements = append(l.elements, elementFacts{l.nameID(name), l.typeID(typ)})
		}
	}
	l.own[l.current] = append(l.own[l.current], slot{elements: l.elements[start:len(l.elements):len(l.elements)], required: least == "1", many: most == "*"})
	return nil
}

// cutLast removes the last field from a line.
func cutLast(line string) (before, last string, found bool) {
	blank := strings.LastIndexByte(line, ' ')
	if blank < 0 {
		return line, "", false
	}
	return line[:blank], line[blank+1:], true
}

func (l *loader) nameID(name string) uint16 {
	id, known := l.nameIDs[name]
	if !known {
		id = uint16(len(l.table.names))
		l.nameIDs[name] = id
		l.table.names = append(l.table.names, name)
	}
	return id
}

func (l *loader) typeID(name string) uint16 {
	id, known := l.typeIDs[name]
	if !known {
		id = uint16(len(l.table.types))
		l.typeIDs[name] = id
		l.table.types = append(l.table.types, typeFacts{name: name, fhirName: name})
	}
	return id
}

// finish puts the inherited content before the type's own and builds the hash
// table.
func (l *loader) finish(id uint16) error {
	t := &l.table.types[id]
	chain := l.chain(id)
	elements := 0
	for _, at := range slices.Backward(chain) {
		name := l.table.types[at].name
		t.isElement = t.isElement || name == "Element"
		t.isResource = t.isResource || name == "Resource"
		t.isDomainResource = t.isDomainResource || name == "DomainResource"
		t.slots = slices.Grow(t.slots, len(l.own[at]))
		for _, s := range l.own[at] {
			t.slots = append(t.slots, s)
			elements += len(s.elements)
		}
	}
	if len(t.slots) > 64 {
		return fmt.Errorf("%d places do not fit the scanner's 64 bits", len(t.slots))
	}
	return l.index(t, elements)
}

// chain returns a type and the types that it is derived from.
func (l *loader) chain(id uint16) []uint16 {
	chain := make([]uint16, 0, 4)
	for {
		chain = append(chain, id)
		base := l.base[id]
		if base == "" {
			return chain
		}
		id = l.typeID(base)
	}
}

func (l *loader) index(t *typeFacts, elements int) error {
	if elements == 0 {
		return nil
	}
	size := 1 << bits.Len(uint(elements*2-1))
	t.cells, t.mask = make([]cell, size), uint64(size-1)
	for i, s := range t.slots {
		if s.required {
			t.required |= 1 << i
		}
		for _, e := range s.elements {
			name := l.table.names[e.name]
			key := keyOf([]byte(name))
			at := key.hash(len(name)) & t.mask
			for ; t.cells[at].name != 0; at = (at + 1) & t.mask {
				if t.cells[at].name == e.name {
					return fmt.Errorf("element %s twice", l.table.names[e.name])
				}
			}
			t.cells[at] = cell{key, e.name, e.typ, uint8(i), uint8(len(name)), s.many}
		}
	}
	return nil
}
