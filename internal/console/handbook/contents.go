package handbook

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/goccy/go-yaml"
)

// contents is the file that says in which order pages are read.
const contents = "contents.yaml"

// Section is a part of the handbook: pages for one purpose, in the order in which
// they are read.
type Section struct {
	Title string   `yaml:"title"`
	Names []string `yaml:"pages"`
	Pages []Page   `yaml:"-"`
}

// readSections reads the order of the pages. A page that no section has would be
// found by nobody, so it is an error; only pages in folders may be reached by links
// alone.
func (b *Book) readSections(files fs.FS) error {
	source, err := fs.ReadFile(files, contents)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalWithOptions(source, &b.Sections, yaml.Strict()); err != nil {
		return fmt.Errorf("%s: %w", contents, err)
	}
	placed := map[string]bool{}
	for i, s := range b.Sections {
		for _, name := range s.Names {
			p, known := b.Page(name)
			if !known || placed[name] {
				return fmt.Errorf("%s: expected each page once, received %q, which is there already or is no page", contents, name)
			}
			placed[name] = true
			b.Sections[i].Pages = append(b.Sections[i].Pages, p)
		}
	}
	for _, p := range b.Pages {
		if !placed[p.Name] && !inFolder(p.Name) {
			return fmt.Errorf("%s: %s is in no section", contents, p.Name)
		}
	}
	return nil
}

func inFolder(name string) bool { return strings.Contains(name, "/") }
