package catalogue

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"nems/internal/fhir"
)

// codeSystem is a list of codes with the text that goes with each.
type codeSystem struct {
	name, url string // an empty url means any system
	displays  map[string]string
}

// source names the list for people. The pairs of a page have no url.
func (s *codeSystem) source() string {
	if s.url == "" {
		return "the page"
	}
	return s.url
}

// in reports whether an element has a code of the list under its system. The
// element is a Coding, a CodeableConcept with such a coding, or a plain code.
func (s *codeSystem) in(n fhir.Node) bool {
	switch n.Type() {
	case "CodeableConcept":
		for c := range n.ChildrenNamed("coding") {
			if s.in(c) {
				return true
			}
		}
		return false
	case "Coding":
		return n.Child("system").EqualValue(s.url) && s.has(n.Child("code"))
	}
	return s.has(n)
}

func (s *codeSystem) has(code fhir.Node) bool {
	_, known := s.displays[string(code.ValueBytes())]
	return known
}

// readCodeSystems reads tables. The first line has the url and where the list
// comes from; each further line has a code and its display.
func readCodeSystems(files fs.FS, dir string) (map[string]*codeSystem, error) {
	names, err := fs.Glob(files, path.Join(dir, "*.tsv"))
	if err != nil {
		return nil, err
	}
	out := map[string]*codeSystem{}
	for _, name := range names {
		src, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		s, err := parseCodeSystem(strings.TrimSuffix(path.Base(name), ".tsv"), string(src))
		if err != nil {
			return nil, err
		}
		out[s.name] = s
	}
	return out, nil
}

func parseCodeSystem(name, src string) (*codeSystem, error) {
	s := &codeSystem{name: name, displays: map[string]string{}}
	for i, line := range strings.Split(strings.TrimRight(src, "\r\n"), "\n") {
		line = strings.TrimRight(line, "\r")
		if head, ok := strings.CutPrefix(line, "# "); ok && i == 0 {
			s.url, _, _ = strings.Cut(head, "\t")
			continue
		}
		code, display, ok := strings.Cut(line, "\t")
		if !ok || code == "" || s.url == "" {
			return nil, fmt.Errorf("%s.tsv:%d: expected a code, a tab and its display, under a head line with the url", name, i+1)
		}
		s.displays[code] = display
	}
	return s, nil
}
