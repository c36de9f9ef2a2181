package scenario

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

//go:embed scenarios/*.yaml
var files embed.FS

// Builtin is a scenario that comes with the program.
type Builtin struct {
	Name  string // such as family-moves
	Title string
	About string
	Text  []byte
}

// Builtins returns all scenarios that come with the program, by name.
func Builtins() ([]Builtin, error) {
	names, err := fs.Glob(files, "scenarios/*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Builtin
	for _, file := range names {
		text, err := files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		b := Builtin{Name: strings.TrimSuffix(path.Base(file), ".yaml"), Text: text}
		script, err := Compile(b.Name+".yaml", text, Options{})
		if err != nil {
			return nil, err
		}
		b.Title, b.About = script.Name, script.About
		all = append(all, b)
	}
	return all, nil
}

// Find returns the scenario with a name.
func Find(name string) (text []byte, known bool) {
	text, err := files.ReadFile("scenarios/" + name + ".yaml")
	return text, err == nil
}
