package world

import (
	"slices"
	"strconv"
	"time"

	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/yamltree"
)

// Read reads a world from YAML. name is the file's name in messages. The error is
// yamltree.Problems: every mistake with its line and column.
func Read(name string, text []byte) (*World, error) {
	tree, root := yamltree.Parse(name, text)
	r := &reader{world: &World{}, people: map[string]bool{}, practices: map[string]bool{}, postcodes: map[string]bool{}}
	r.read(root.Map("a world", "seed", "day", "towns", "households"))
	if err := tree.Err(); err != nil {
		return nil, err
	}
	return r.world, nil
}

// reader reads one file.
type reader struct {
	world     *World
	people    map[string]bool // by NHS number
	practices map[string]bool
	postcodes map[string]bool
	mothers   []yamltree.Node
}

func (r *reader) read(m yamltree.Map) {
	if seed := m.Get("seed"); seed.Exists() {
		n, err := strconv.ParseUint(seed.Text("seed"), 10, 64)
		if err != nil {
			seed.Fail("seed", "a whole number from 0", "")
		}
		r.world.Seed = n
	}
	if day, there := m.Need("the world", "day", "the day on which people have their ages, such as day: 2026-03-02"); there {
		r.world.Day = Date(day, "day")
	}
	if towns, there := m.Need("the world", "towns", "the towns with their practices and streets"); there {
		for _, t := range towns.List("towns") {
			r.town(t)
		}
	}
	if households, there := m.Need("the world", "households", "who lives where"); there {
		for _, h := range households.List("households") {
			r.household(h)
		}
	}
	for _, m := range r.mothers {
		if !r.people[m.Text("mother")] {
			m.Fail("the mother is not in the world", "the NHS number of somebody here, or nothing", yamltree.Quote(m.Text("mother")))
		}
	}
}

func (r *reader) town(n yamltree.Node) {
	m := n.Map("a town", "town", "sub-icb", "local-authority", "country", "hospital", "child-health", "practices", "streets")
	t := Town{Name: needed(m, "a town", "town"), SubICB: optional(m, "sub-icb"), LocalAuthority: optional(m, "local-authority"), Country: optional(m, "country")}
	for _, o := range []struct {
		key string
		to  *Organisation
	}{{"hospital", &t.Hospital}, {"child-health", &t.ChildHealth}} {
		if v, there := m.Need("a town", o.key, "an organisation, such as {code: RR8, name: ...}"); there {
			*o.to = organisation(v)
		}
	}
	if v, there := m.Need("a town", "practices", "its GP practices"); there {
		for _, p := range v.List("practices") {
			o := organisation(p)
			r.practices[o.Code] = true
			t.Practices = append(t.Practices, o)
		}
	}
	if v, there := m.Need("a town", "streets", "its streets with their postcodes"); there {
		for _, s := range v.List("streets") {
			fields := s.Map("a street", "postcode", "street", "locality")
			street := Street{Postcode: postcode(fields, "a street"), Name: needed(fields, "a street", "street"), Locality: optional(fields, "locality")}
			r.postcodes[street.Postcode] = true
			t.Streets = append(t.Streets, street)
		}
	}
	if len(t.Practices) == 0 || len(t.Streets) == 0 {
		n.Fail("the town "+t.Name, "at least one practice and one street", "")
	}
	r.world.Towns = append(r.world.Towns, t)
}

func organisation(n yamltree.Node) Organisation {
	m := n.Map("an organisation", "code", "name", "sub-icb")
	o := Organisation{Name: optional(m, "name"), SubICB: optional(m, "sub-icb")}
	if code, there := m.Need("an organisation", "code", "its ODS code"); there {
		o.Code = ODS(code, "code")
	}
	return o
}

func (r *reader) household(n yamltree.Node) {
	m := n.Map("a household", "address", "postcode", "shared", "people")
	h := Household{Postcode: postcode(m, "a household")}
	if at, there := m.Need("a household", "address", "the lines of the address, such as [1 High Street, LEEDS]"); there {
		h.Lines = Lines(at)
	}
	if h.Postcode != "" && !r.postcodes[h.Postcode] {
		m.Get("postcode").Fail("the postcode is in no town of the world", "a postcode of one of its streets", yamltree.Quote(h.Postcode))
	}
	if shared := m.Get("shared"); shared.Exists() {
		h.Shared = shared.Bool("shared")
	}
	if people, there := m.Need("a household", "people", "who lives there"); there {
		for _, p := range people.List("people") {
			h.People = append(h.People, r.person(p))
		}
	}
	r.world.Households = append(r.world.Households, h)
}

func (r *reader) person(n yamltree.Node) Person {
	m := n.Map("a person", "nhs-number", "given", "family", "gender", "born", "practice", "phone", "email", "mother")
	p := Person{Family: needed(m, "a person", "family"), Gender: "unknown", Phone: optional(m, "phone"), Email: optional(m, "email")}
	if number, there := m.Need("a person", "nhs-number", "ten digits"); there {
		if p.NHSNumber = Number(number, "nhs-number"); p.NHSNumber != "" && r.people[p.NHSNumber] {
			number.Fail("the NHS number is there twice", "another number for each person", "")
		}
		r.people[p.NHSNumber] = true
	}
	if given, there := m.Need("a person", "given", "given names, such as [Zoë, Anne]"); there {
		p.Given = given.Texts("given")
	}
	if born, there := m.Need("a person", "born", "a date, such as 1988-03-02"); there {
		if p.Born = Date(born, "born"); p.Born > r.world.Day && r.world.Day != "" {
			born.Fail("the person is born after the world's day", "a date until "+r.world.Day, yamltree.Quote(p.Born))
		}
	}
	if gender := m.Get("gender"); gender.Exists() {
		p.Gender = gender.OneOf("gender", Genders...)
	}
	if practice := m.Get("practice"); practice.Exists() {
		if p.Practice = ODS(practice, "practice"); p.Practice != "" && !r.practices[p.Practice] {
			practice.Fail("the practice is in no town of the world", "the code of one of its practices, or nothing", yamltree.Quote(p.Practice))
		}
	}
	if mother := m.Get("mother"); mother.Exists() {
		p.Mother = mother.Text("mother")
		r.mothers = append(r.mothers, mother)
	}
	return p
}

// Genders are those of FHIR.
var Genders = []string{female, male, "other", "unknown"}

func needed(m yamltree.Map, what, key string) string {
	n, there := m.Need(what, key, "a text")
	if !there {
		return ""
	}
	if n.IsEmpty() {
		n.Fail(key+" of "+what, "a text", "nothing")
		return ""
	}
	return n.Text(key)
}

func optional(m yamltree.Map, key string) string {
	if n := m.Get(key); n.Exists() && !n.IsEmpty() {
		return n.Text(key)
	}
	return ""
}

func postcode(m yamltree.Map, what string) string {
	n, there := m.Need(what, "postcode", "a postcode, such as LS17 7DF")
	if !there {
		return ""
	}
	return Postcode(n, "postcode")
}

// Postcode reads a postcode and writes it as the Postcode Address File does.
func Postcode(n yamltree.Node, what string) string {
	text := n.Text(what)
	normal, ok := directory.NormalPostcode(text)
	if !ok && text != "" {
		n.Fail(what, "a postcode, such as LS17 7DF", yamltree.Quote(text))
	}
	return normal
}

// maxLines is how many lines an address has in PDS.
const maxLines = 5

// Lines reads the lines of an address.
func Lines(n yamltree.Node) []string {
	lines := n.Texts("a line of the address")
	if len(lines) < 1 || len(lines) > maxLines || slices.Contains(lines, "") {
		n.Fail("the address", "one to five lines, none of them empty", strconv.Itoa(len(lines)))
	}
	return lines
}

// Number reads an NHS number; "" if it is none.
func Number(n yamltree.Node, what string) string {
	text := n.Text(what)
	number, err := nhs.ParseNHSNumber(text)
	if err != nil && text != "" {
		n.Fail(what+": "+err.Error(), "ten digits, such as 9990000204", yamltree.Quote(text))
	}
	return number.Digits()
}

// ODS reads an ODS code; "" if it is none.
func ODS(n yamltree.Node, what string) string {
	text := n.Text(what)
	code, err := nhs.ParseODSCode(text)
	if err != nil {
		n.Fail(what+": "+err.Error(), "a code such as B86056", yamltree.Quote(text))
	}
	return string(code)
}

// Date reads a date that exists; "" if it is none.
func Date(n yamltree.Node, what string) string {
	text := n.Text(what)
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		n.Fail(what, "a date that exists, as YYYY-MM-DD", yamltree.Quote(text))
		return ""
	}
	return text
}
