package catalogue_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// published is the part of a StructureDefinition that the test reads.
type published struct {
	URL      valueAttr          `xml:"url"`
	Elements []publishedElement `xml:"snapshot>element"`
}

type valueAttr struct {
	Value string `xml:"value,attr"`
}

type publishedElement struct {
	ID    string    `xml:"id,attr"`
	Path  valueAttr `xml:"path"`
	Slice valueAttr `xml:"sliceName"`
	Min   valueAttr `xml:"min"`
	Max   valueAttr `xml:"max"`
	Base  struct {
		Min valueAttr `xml:"min"`
		Max valueAttr `xml:"max"`
	} `xml:"base"`
	Discriminators []valueAttr `xml:"slicing>discriminator>path"`
	Types          []struct {
		Code    valueAttr `xml:"code"`
		Profile valueAttr `xml:"profile"`
	} `xml:"type"`
	Binding struct {
		Strength valueAttr `xml:"strength"`
		ValueSet valueAttr `xml:"valueSetReference>reference"`
		URI      valueAttr `xml:"valueSetUri"`
	} `xml:"binding"`
	Others []struct {
		XMLName xml.Name
		Value   string `xml:"value,attr"`
	} `xml:",any"`
}

// fixed returns the fixed value, "" for none.
func (e *publishedElement) fixed() string {
	for _, o := range e.Others {
		if strings.HasPrefix(o.XMLName.Local, "fixed") {
			return o.Value
		}
	}
	return ""
}

// elsewhereSaid are facts of profiles that are not in their files, with the reason.
var elsewhereSaid = []struct{ fact, why string }{
	{"bound CareConnect-AdministrativeGender-1", "STU3's own list, which fhir checks"},
	{"bound CareConnect-NameUse-1", "of a name that is official"},
	{"bound CareConnect-VaccinationProcedure-1", "SNOMED CT: its members are not published with it"},
	{"bound CareConnect-ReligiousAffiliation-1", "SNOMED CT"},
	{"bound CareConnect-ConditionCode-1", "SNOMED CT"},
	{"bound CareConnect-EmergencyCareDischargeStatus-1", "SNOMED CT"},
	{"bound bcp13.txt", "media types, of any form"},
	{"bound EventType-1", "the page of each event type fixes the code"},
	{"bound MessageEventType-1", "the pages fix the kinds"},
	{"extension<nhsNumber>.valueIdentifier.system value https://fhir.nhs.uk/Id/nhs-number", "the older system is equal"},
}

// TestProfilesAreThePublishedOnes compares the files fact by fact with the snapshots
// that they come from: cardinalities other than STU3's, fixed values, types, required
// bindings. NEMS_PROFILES names a checkout of nhsconnect/CareConnect-profiles,
// NEMS_FHIR_ASSETS one of nhsconnect/STU3-FHIR-Assets (branch develop).
func TestProfilesAreThePublishedOnes(t *testing.T) {
	profiles, assets := os.Getenv("NEMS_PROFILES"), os.Getenv("NEMS_FHIR_ASSETS")
	if profiles == "" || assets == "" {
		t.Skip("NEMS_PROFILES and NEMS_FHIR_ASSETS are not set: the published profiles are not there")
	}
	compared := 0
	for _, p := range profileTexts(t) {
		want := p.definition(t, filepath.Join(profiles, "constraints"), filepath.Join(assets, "StructureDefinitions")).facts()
		compared += len(want)
		if diff := cmp.Diff(want, p.facts()); diff != "" {
			t.Errorf("%s (-published +ours):\n%s", p.Profile, diff)
		}
	}
	t.Logf("%d facts compared", compared)
	if compared < 200 {
		t.Errorf("only %d facts", compared)
	}
	compareLists(t, filepath.Join(profiles, "codesystems"))
}

// definition reads the published StructureDefinition of a profile from the first
// folder that has it.
func (p *profileText) definition(t *testing.T, dirs ...string) *published {
	t.Helper()
	for _, dir := range dirs {
		src, err := os.ReadFile(filepath.Join(dir, p.Profile+".xml"))
		if err != nil {
			continue
		}
		d := &published{}
		if err := xml.Unmarshal(src, d); err != nil || d.URL.Value != p.URL {
			t.Fatalf("%s in %s is %s: %v", p.Profile, dir, d.URL.Value, err)
		}
		return d
	}
	t.Fatalf("%s is not published", p.Profile)
	return nil
}

// facts lists what a profile file says, sorted.
func (p *profileText) facts() []string {
	var out []string
	for _, e := range p.merged() {
		var path []string
		for part := range strings.SplitSeq(e.Path, ".") {
			name, label, _ := strings.Cut(strings.TrimSuffix(part, ")"), "(")
			if name == "extension" && label != "" {
				part = "extension<" + p.Extensions[label] + ">"
			}
			path = append(path, part)
		}
		out = append(out, factsOf(strings.Join(path, "."), e)...)
	}
	slices.Sort(out)
	return out
}

// factsOf returns the facts about one element.
func factsOf(path string, e elementText) []string {
	path = strings.ReplaceAll(strings.ToLower(path[:1])+path[1:], "Organisation", "Organization")
	var out []string
	add := func(what, value string) {
		fact := path + " " + what + " " + value
		said := slices.ContainsFunc(elsewhereSaid, func(s struct{ fact, why string }) bool { return strings.HasSuffix(fact, s.fact) })
		if value != "" && !said {
			out = append(out, fact)
		}
	}
	add("count", e.Count)
	add("value", e.Value)
	add("types", strings.Join(e.Types, ","))
	add("bound", strings.Join(e.Bound, ","))
	return out
}

// facts lists what a StructureDefinition says beyond STU3, sorted.
func (d *published) facts() []string {
	var out, forbidden []string
	for _, e := range d.Elements[1:] {
		path := d.path(e.ID)
		below := func(above string) bool { return strings.HasPrefix(path, above+".") }
		if strings.HasSuffix(path, ".url") || path == "url" || d.marksSlice(e) || slices.ContainsFunc(forbidden, below) {
			continue
		}
		said := elementText{Value: e.fixed(), Bound: e.bound()}
		if count := e.Min.Value + ".." + e.Max.Value; count != e.Base.Min.Value+".."+e.Base.Max.Value && count != "0..*" {
			said.Count = count
		}
		if e.Max.Value == "0" {
			forbidden = append(forbidden, path)
		}
		last := path[strings.LastIndexByte(path, '.')+1:]
		switch {
		case strings.HasPrefix(last, "value") && strings.Contains(last, "[x]") && e.Max.Value != "0":
			said.Types = e.types()
		case strings.HasPrefix(last, "value") && e.Slice.Value != "" && said.Count == "":
			out = append(out, factsOf(strings.TrimSuffix(path, last)+"value[x]", elementText{Types: e.types()})...)
		}
		out = append(out, factsOf(path, said)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// types lists the types of a choice in order; none if every type is allowed.
func (e *publishedElement) types() []string {
	var out []string
	for _, t := range e.Types {
		if !slices.Contains(out, t.Code.Value) {
			out = append(out, t.Code.Value)
		}
	}
	slices.Sort(out)
	if len(out) > 20 {
		return nil
	}
	return out
}

// bound names the lists of a required binding, unless its value set is STU3's own.
func (e *publishedElement) bound() []string {
	set := e.Binding.ValueSet.Value + e.Binding.URI.Value
	if e.Binding.Strength.Value != "required" || strings.HasPrefix(set, "http://hl7.org/fhir/") {
		return nil
	}
	if strings.HasSuffix(set, "/CareConnect-MaritalStatus-1") {
		return []string{"v3-MaritalStatus", "v3-NullFlavor-UNK"}
	}
	return []string{set[strings.LastIndexByte(set, '/')+1:]}
}

// path writes an element's id in the notation of our files; extensions have their url.
func (d *published) path(id string) string {
	parts := strings.Split(id, ".")
	var out []string
	for i, part := range parts[1:] {
		name, label, _ := strings.Cut(part, ":")
		switch {
		case label == "" && !strings.HasPrefix(name, "value"), strings.HasPrefix(name, "value"):
			if label != "" {
				name = label
			}
		case name == "extension":
			name = "extension<" + d.url(strings.Join(parts[:i+2], ".")) + ">"
		default:
			name += "(" + label + ")"
		}
		out = append(out, strings.ReplaceAll(name, "sdsJobRoleName", "SDSJobRoleName"))
	}
	return strings.Join(out, ".")
}

// url returns the address of an extension, found by the id of its element.
func (d *published) url(id string) string {
	for _, e := range d.Elements {
		switch {
		case e.ID == id:
			for _, t := range e.Types {
				if t.Profile.Value != "" {
					return t.Profile.Value
				}
			}
		case e.ID == id+".url":
			return e.fixed()
		}
	}
	return ""
}

// marksSlice reports whether an element is the one that makes its parent belong
// to a slice. An element of the slice can never break it.
func (d *published) marksSlice(e publishedElement) bool {
	parts := strings.Split(e.ID, ".")
	for i := len(parts) - 1; i > 0 && e.fixed() != ""; i-- {
		name, label, _ := strings.Cut(parts[i], ":")
		if label == "" || name == "extension" || strings.HasPrefix(name, "value") {
			continue
		}
		unsliced := func(parts []string) string {
			var out []string
			for _, p := range parts {
				name, _, _ := strings.Cut(p, ":")
				out = append(out, name)
			}
			return strings.Join(out, ".")
		}
		for _, slicing := range d.Elements {
			if slicing.Path.Value == unsliced(parts[:i+1]) && slices.Contains(slicing.Discriminators, valueAttr{unsliced(parts[i+1:])}) {
				return true
			}
		}
	}
	return false
}

// compareLists compares the code lists of the profiles with the published ones.
func compareLists(t *testing.T, dir string) {
	for _, p := range profileTexts(t) {
		for _, e := range p.Elements {
			for _, list := range e.Bound {
				src, err := os.ReadFile(filepath.Join(dir, "CodeSystem-"+list+".xml"))
				if err != nil {
					continue // a list of HL7
				}
				var system struct {
					Concepts []struct {
						Code valueAttr `xml:"code"`
					} `xml:"concept"`
				}
				if err := xml.Unmarshal(src, &system); err != nil {
					t.Fatal(err)
				}
				ours, err := os.ReadFile("codesystems/" + list + ".tsv")
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range system.Concepts {
					if !strings.Contains(string(ours), "\n"+c.Code.Value+"\t") {
						t.Errorf("%s lacks the code %s", list, c.Code.Value)
					}
				}
			}
		}
	}
}
