package nems_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"nems/internal/database"
)

// owner is how a method of a store begins its comment: it names the interface
// where its contract stands.
var owner = regexp.MustCompile(`^(\w+) is (\w+)\.(\w+)'s?[.: ]`)

// The contract of a method stands once, at the interface that asks for it. What
// keeps the contract says which that is.
func TestContractsStandOnce(t *testing.T) {
	asked := reflect.TypeFor[database.Store]()
	contracts := map[string]map[string]string{} // interface, method: comment
	seen := map[string]bool{}
	for _, f := range functions(t, "sqlite", "postgres", "ledger") {
		name := f.Name.Name
		if _, ok := asked.MethodByName(name); !ok {
			continue
		}
		seen[name] = true
		named := owner.FindStringSubmatch(f.Doc.Text())
		if named == nil || named[1] != name {
			t.Errorf("%s: expected a comment that begins with %q and names the interface of its contract; received %q", name, name+" is", f.Doc.Text())
			continue
		}
		at := named[2] + "." + named[3]
		if contracts[at] == nil {
			contracts[at] = comments(t, named[2], named[3])
		}
		if contract := contracts[at][name]; contract == "" || owner.MatchString(contract) {
			t.Errorf("%s: %s has no contract of it: %q", name, at, contract)
		}
	}
	for i := range asked.NumMethod() {
		if name := asked.Method(i).Name; !seen[name] {
			t.Errorf("%s: no store has this method", name)
		}
	}
}

// functions returns the methods of what the stores' packages offer to a node.
func functions(t *testing.T, packages ...string) (out []*ast.FuncDecl) {
	t.Helper()
	for _, p := range packages {
		for _, file := range files(t, filepath.Join("internal", "store", p)) {
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || f.Recv == nil {
					continue
				}
				if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
					if id, ok := star.X.(*ast.Ident); ok && (id.Name == "DB" || id.Name == "Ledger") {
						out = append(out, f)
					}
				}
			}
		}
	}
	return out
}

// comments returns the comments of the methods that an interface declares.
func comments(t *testing.T, pkg, name string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, file := range files(t, filepath.Join("internal", pkg)) {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != name {
				return true
			}
			if i, ok := spec.Type.(*ast.InterfaceType); ok {
				for _, m := range i.Methods.List {
					for _, id := range m.Names {
						out[id.Name] = m.Doc.Text()
					}
				}
			}
			return false
		})
	}
	return out
}

// files parses a package, without its tests.
func files(t *testing.T, folder string) (out []*ast.File) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(folder, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, file)
		}
	}
	return out
}
