package yamltree

import (
	"strings"
	"testing"
)

func TestEveryProblemHasItsPlace(t *testing.T) {
	tree, root := Parse("x.yaml", []byte(`name: a
colour: red
count: many
list: {a: 1}
flag: perhaps
pick: gren
pick: green
nested:
  - one
  - [two]
`))
	m := root.Map("the thing", "name", "color", "count", "list", "flag", "pick", "nested")
	m.Get("count").Int("the count", 1, 9)
	m.Get("list").List("the list")
	m.Get("flag").Bool("the flag")
	m.Get("pick").OneOf("the pick", "red", "green", "blue")
	m.Get("nested").Texts("a nested text")
	m.Need("the thing", "size", "a number")
	got := tree.Err().Error()
	want := strings.TrimSpace(`
x.yaml:1:1: the thing has no size; expected a number
x.yaml:2:1: there is no key "colour" in the thing; expected name, color, count, list, flag, pick or nested (did you mean color?)
x.yaml:3:8: the count; expected a number from 1 to 9; received "many"
x.yaml:4:7: the list; expected a list; received a mapping
x.yaml:5:7: the flag; expected yes or no; received "perhaps"
x.yaml:6:7: the pick; expected red, green or blue (did you mean green?); received "gren"
x.yaml:7:1: the key pick is there twice in the thing; expected each key once
x.yaml:10:5: a nested text; expected a text; received a list`)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhatIsNoYAML(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "x.yaml:1:1: the file is empty; expected a mapping, such as key: value",
		"a: 1\nb: \xff":        "x.yaml:2:4: a byte that is no UTF-8; expected UTF-8",
		"a: 1\n---\nb: 2":      "x.yaml:1:1: more than one document; expected one",
		"a:\n\tb: 1":           "x.yaml:2:1: no YAML: found character '\t' that cannot start any token; expected blanks; YAML has no tabs",
		"a: b: c":              "x.yaml:1:4: no YAML: mapping value is not allowed in this context; expected a text with a colon in quotes",
		"a:\n  - b: 1\n  c: 2": "x.yaml:3:3: no YAML: value is not allowed in this context; expected what belongs together in the same column",
		"a: \"b":               "expected the end of a quoted text",
		"a: [1":                "x.yaml:1:4: no YAML:",
		"a: &x 1":              "x.yaml:1:4: anchors, aliases and tags are not understood here; expected the value itself",
		strings.Repeat("[", 200) + strings.Repeat("]", 200): "nested too deeply",
	} {
		tree, root := Parse("x.yaml", []byte(text))
		var walk func(Node)
		walk = func(n Node) {
			switch {
			case n.IsList():
				for _, item := range n.List("a list") {
					walk(item)
				}
			case n.IsMap():
				for _, f := range n.Map("a map").Fields {
					walk(f.Value)
				}
			}
		}
		walk(root)
		if err := tree.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
}

func TestNumbersStayAsTheyAreWritten(t *testing.T) {
	_, root := Parse("x.yaml", []byte("a: 0123456789\nb: 9990000018\nc: 1_000\nd: ~\ne: |\n  two\n  lines\nf: 2026-03-01\n"))
	m := root.Map("x")
	for name, want := range map[string]string{"a": "0123456789", "b": "9990000018", "c": "1_000", "e": "two\nlines", "f": "2026-03-01"} {
		if got := m.Get(name).Text(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if d := m.Get("d"); !d.Exists() || !d.IsEmpty() {
		t.Errorf("d: %+v", d)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"registers", "deregisters", "moves", "born"}
	for word, want := range map[string]string{"registres": "registers", "move": "moves", "bron": "born", "zzzzzzzz": "", "": ""} {
		if got := Nearest(word, words); got != want {
			t.Errorf("%s: %q", word, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: 1", "- a\n- b: [c, {d: e}]", "a: |\n x\n", "a: &b c\nd: *b", "? x\n: y", "{", "\"\\u", "a: !!int 3", "<<: {a: 1}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tree, root := Parse("f", []byte(text))
		var walk func(Node)
		walk = func(n Node) {
			n.Text("x")
			for _, item := range n.List("x") {
				if item.IsList() || item.IsMap() {
					walk(item)
				}
			}
			for _, field := range n.Map("x").Fields {
				walk(field.Value)
			}
		}
		walk(root)
		if err := tree.Err(); err != nil {
			for _, p := range err.(Problems) {
				if p.Line < 1 || p.Column < 1 || p.What == "" {
					t.Fatalf("%+v", p)
				}
			}
		}
	})
}
