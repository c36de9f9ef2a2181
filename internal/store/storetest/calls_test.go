package storetest

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// What a node asks of its database, some case of the suite calls: a method that
// no case calls would be one that only a comment holds the stores to.
func TestEveryMethodIsCalled(t *testing.T) {
	called := calledFrom(t, "suite", "RunSome", "Serve")
	asked := reflect.TypeFor[Store]()
	for i := range asked.NumMethod() {
		if name := asked.Method(i).Name; !called[name] {
			t.Errorf("%s: no case of the suite calls it", name)
		}
	}
}

// calledFrom names the methods of interfaces that functions of this package call,
// or that what they use in this package calls.
func calledFrom(t *testing.T, functions ...string) map[string]bool {
	t.Helper()
	files, info := checked(t)
	bodies := map[types.Object]*ast.FuncDecl{}
	var todo []types.Object
	for _, file := range files {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				bodies[info.Defs[f.Name]] = f
			}
		}
	}
	for o := range bodies {
		for _, name := range functions {
			if o.Name() == name && o.Type().(*types.Signature).Recv() == nil {
				todo = append(todo, o)
			}
		}
	}
	called, visited := map[string]bool{}, map[types.Object]bool{}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if visited[next] || bodies[next] == nil {
			continue
		}
		visited[next] = true
		ast.Inspect(bodies[next], func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if f, isFunc := info.Uses[id].(*types.Func); ok && isFunc {
				if recv := f.Signature().Recv(); recv != nil && types.IsInterface(recv.Type()) {
					called[f.Name()] = true
				}
				todo = append(todo, f)
			}
			return true
		})
	}
	return called
}

// checked returns the files of this package with the types of what is in them.
func checked(t *testing.T) ([]*ast.File, *types.Info) {
	t.Helper()
	list := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", ".")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	compiled := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		compiled[path] = file
	}
	here, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range here.GoFiles {
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(compiled[path]) })}
	if _, err := config.Check("nems/internal/store/storetest", set, files, info); err != nil {
		t.Fatal(err)
	}
	return files, info
}
