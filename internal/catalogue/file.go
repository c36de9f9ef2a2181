package catalogue

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// typeFile is an event type as its file has it.
type typeFile struct {
	Code        string               `yaml:"code"`
	Display     string               `yaml:"display"`
	Interaction string               `yaml:"interaction"`
	Workflow    string               `yaml:"workflow"`
	Publishers  Publishers           `yaml:"publishers"`
	Page        string               `yaml:"page"`
	Kinds       []string             `yaml:"kinds"`
	Focus       []string             `yaml:"focus"`
	Profiles    []string             `yaml:"profiles"`
	LifeCycle   lifeCycleFile        `yaml:"life-cycle"`
	Extensions  map[string]string    `yaml:"extensions"`
	Slices      map[string]sliceFile `yaml:"slices"`
	Resources   []groupFile          `yaml:"resources"`
}

type lifeCycleFile struct {
	State             State  `yaml:"state"`
	Deprecated        string `yaml:"deprecated"`
	NoLongerSupported string `yaml:"no-longer-supported"`
	Withdrawn         string `yaml:"withdrawn"`
	URL               string `yaml:"url"`
}

// sliceFile says which elements belong to a slice: those in which a descendant
// has one of the values.
type sliceFile struct {
	Element string   `yaml:"element"`
	Values  []string `yaml:"values"`
}

// groupFile holds the rules of one resource type, or of those of its resources
// that Is selects.
type groupFile struct {
	Resource string        `yaml:"resource"`
	Slice    string        `yaml:"slice"`
	Heading  string        `yaml:"heading"`
	Is       *isFile       `yaml:"is"`
	Row      string        `yaml:"row"`
	Count    any           `yaml:"count"`
	BrokenBy string        `yaml:"broken-by"`
	Elements []elementFile `yaml:"elements"`
}

// isFile selects resources by a value inside them, or by the elements that reference them.
type isFile struct {
	Element      string   `yaml:"element"`
	Values       []string `yaml:"values"`
	ReferencedBy []string `yaml:"referenced-by"`
}

// elementFile is one rule.
type elementFile struct {
	Path      string            `yaml:"path"`
	Row       string            `yaml:"row"`
	Count     any               `yaml:"count"`
	Value     string            `yaml:"value"`
	Values    []string          `yaml:"values"`
	Form      string            `yaml:"form"`
	Types     []string          `yaml:"types"`
	Bound     []string          `yaml:"bound"`
	Codes     string            `yaml:"codes"`
	DisplayOf string            `yaml:"display-of"`
	Pairs     map[string]string `yaml:"pairs"`
	OneOf     []string          `yaml:"one-of"`
	Refers    []string          `yaml:"refers"`
	Directory bool              `yaml:"directory"`
	When      *whenFile         `yaml:"when"`
	BrokenBy  string            `yaml:"broken-by"`
	From      string            `yaml:"from"`
}

// whenFile restricts a rule to resources in which an element has one of the
// values.
type whenFile struct {
	Path   string   `yaml:"path"`
	Values []string `yaml:"values"`
}

// requirementsFile is the part that all event types share, as its file has it.
type requirementsFile struct {
	Page       string               `yaml:"page"`
	Profiles   []string             `yaml:"profiles"`
	Extensions map[string]string    `yaml:"extensions"`
	Slices     map[string]sliceFile `yaml:"slices"`
	Resources  []groupFile          `yaml:"resources"`
	References map[string][]string  `yaml:"references"`
}

// requirements is the shared part after reading.
type requirements struct {
	file       requirementsFile
	source     *source
	codes      map[string]*codeSystem
	profiles   map[string]*profile
	extensions map[string]*group // definitions of extensions, by url
}

// source is a file; errors can name its lines.
type source struct {
	name string
	src  []byte
}

// decode reads YAML into out. It refuses keys that out does not have.
func decode(name string, src []byte, out any) (*source, error) {
	err := yaml.UnmarshalWithOptions(src, out, yaml.DisallowUnknownField())
	if err == nil && len(strings.TrimSpace(string(src))) == 0 {
		return nil, fmt.Errorf("%s:1: the file is empty; expected an event type", name)
	}
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		return nil, fmt.Errorf("%s:%d: %s", name, located.GetToken().Position.Line, located.GetMessage())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &source{name, src}, nil
}

// errorf makes an error with the line of a YAML path such as $.resources[0]. If
// the path does not exist, the line is that of the nearest existing parent.
func (s *source) errorf(at, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", s.name, s.line(at), fmt.Sprintf(format, args...))
}

func (s *source) line(at string) int {
	tree, err := parser.ParseBytes(s.src, 0)
	if err != nil {
		return 1
	}
	for ; len(at) > 1; at = at[:max(strings.LastIndexAny(at, ".["), 0)] {
		p, err := yaml.PathString(at)
		if err != nil {
			continue
		}
		if node, err := p.FilterFile(tree); err == nil && node != nil {
			return firstLine(node)
		}
	}
	return 1
}

// firstLine returns the line where a node starts. (The token of a mapping is
// the colon of its first entry, so the first key is used.)
func firstLine(node ast.Node) int {
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 {
		node = m.Values[0].Key
	}
	return node.GetToken().Position.Line
}

// readRequirements reads the part that all event types share.
func readRequirements(files fs.FS, name string) (*requirements, error) {
	src, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	r := &requirements{}
	r.source, err = decode(name, src, &r.file)
	return r, err
}

// readType reads and compiles one event type.
func readType(name string, src []byte, shared *requirements) (*EventType, error) {
	var f typeFile
	s, err := decode(name, src, &f)
	if err != nil {
		return nil, err
	}
	if err := f.check(s); err != nil {
		return nil, err
	}
	life, err := f.LifeCycle.read(s)
	if err != nil {
		return nil, err
	}
	t := &EventType{
		Code: f.Code, Display: f.Display, Interaction: f.Interaction, Workflow: f.Workflow, Publishers: f.Publishers,
		Kinds: f.Kinds, Focus: f.Focus, LifeCycle: life, Page: f.Page,
	}
	t.rules, err = compile(&f, s, shared)
	return t, err
}

// check checks the keys that every event type needs.
func (f *typeFile) check(s *source) error {
	for _, need := range []struct{ key, value string }{
		{"code", f.Code}, {"display", f.Display}, {"workflow", f.Workflow}, {"page", f.Page},
	} {
		if need.value == "" {
			return s.errorf("$."+need.key, "an event type needs the key %q", need.key)
		}
	}
	if f.Publishers != Anyone && f.Publishers != SpineOnly {
		return s.errorf("$.publishers", "publishers must be %q or %q", Anyone, SpineOnly)
	}
	if len(f.Kinds) == 0 || len(f.Focus) == 0 {
		return s.errorf("$.kinds", "an event type needs kinds (new, update, delete) and focus (resource types)")
	}
	if err := knownResources(f.Focus...); err != nil {
		return s.errorf("$.focus", "%v", err)
	}
	for i, kind := range f.Kinds {
		if !slices.Contains(allKinds, kind) {
			return s.errorf(fmt.Sprintf("$.kinds[%d]", i), "a kind must be new, update or delete; received %q", kind)
		}
	}
	return nil
}

var allKinds = []string{"new", "update", "delete"}

func (f lifeCycleFile) read(s *source) (LifeCycle, error) {
	life := LifeCycle{State: f.State, URL: f.URL}
	if life.State == "" {
		life.State = Current
	}
	for _, date := range []struct {
		key, text string
		to        *time.Time
	}{
		{"deprecated", f.Deprecated, &life.Deprecated},
		{"no-longer-supported", f.NoLongerSupported, &life.NoLongerSupported},
		{"withdrawn", f.Withdrawn, &life.Withdrawn},
	} {
		if date.text == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, date.text)
		if err != nil {
			return life, s.errorf("$.life-cycle."+date.key, "a date has the form YYYY-MM-DD; received %q", date.text)
		}
		*date.to = t
	}
	var wrong *LifeCycleError
	if errors.As(life.Check(), &wrong) {
		return life, s.errorf("$.life-cycle."+wrong.Key, "life-cycle: %v", wrong)
	}
	return life, nil
}
