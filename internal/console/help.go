package console

import (
	"strings"
	"sync"

	"nems/docs"
	"nems/internal/console/handbook"
	"nems/internal/operator"
)

// book is the handbook, which this program holds: its test reads it too.
var book = sync.OnceValue(func() *handbook.Book {
	b, err := handbook.Read(docs.Files, handbook.Place{Others: []string{openAPI}, URL: func(_, file string) string {
		if file == openAPI {
			return Root + "help/api"
		}
		return Root + "help/" + strings.TrimSuffix(file, ".md")
	}})
	if err != nil {
		panic(err) // it is embedded
	}
	return b
})

// openAPI is a file of the handbook that the console shows as a page of its own.
const openAPI = "operator-openapi.json"

// helpPage is what the first page of the handbook shows.
type helpPage struct {
	Sections  []handbook.Section
	Decisions []handbook.Page
	Found     []handbook.Found
}

// help has the handbook, by pages and by words, and says where things are.
func (c *Console) help() page {
	return page{path: "help", title: "Help", role: operator.Viewer, file: "help.html", read: func(v *visit) (any, error) {
		out := helpPage{Sections: book().Sections, Found: book().Find(v.text("words"))}
		for _, p := range book().Pages {
			if strings.HasPrefix(p.Name, "decisions/") {
				out.Decisions = append(out.Decisions, p)
			}
		}
		return out, nil
	}}
}

// handbook is one page of the handbook.
func (c *Console) handbook() page {
	return page{path: "help/{page...}", title: "Handbook", within: "Help", role: operator.Viewer, file: "handbook.html", read: func(v *visit) (any, error) {
		p, known := book().Page(v.PathValue("page"))
		if !known {
			return nil, &operator.Error{Code: operator.NotFound, Message: "the handbook has no such page"}
		}
		return p, nil
	}}
}

// reference describes the operators' API.
func (c *Console) reference() page {
	return page{path: "help/api", title: "The operators' API", within: "Help", role: operator.Viewer, file: "reference.html", read: func(*visit) (any, error) {
		return operator.Reference(), nil
	}}
}

// Asked is what the page has asked, for those who want to ask it themselves.
func (f frame) Asked() []operator.Asked { return f.visit.asked }

// Service is the address that commands are shown with.
func (f frame) Service() string {
	if f.Base == nil {
		return "https://localhost:8083"
	}
	return f.Base(f.Request)
}
