package nems_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nems/internal/audit"
)

// TestAuditActionsAreAClosedSet: the audit is searched by its actions, so that each
// stands in the list of package audit, and each of the list is written somewhere.
func TestAuditActionsAreAClosedSet(t *testing.T) {
	const home = "nems/internal/audit"
	packages := listPackages(t)
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(packages[path].Export) })
	chain, err := imports.Import(home)
	if err != nil {
		t.Fatal(err)
	}
	action := chain.Scope().Lookup("Action").Type()
	unwritten := map[string]bool{}
	for _, name := range chain.Scope().Names() {
		if c, ok := chain.Scope().Lookup(name).(*types.Const); ok && types.Identical(c.Type(), action) {
			unwritten[name] = true
		}
	}
	if len(unwritten) < 40 {
		t.Fatalf("the list has only %v", unwritten)
	}
	for path, p := range packages {
		// Packages of tests make entries up.
		if !slices.Contains(p.Deps, home) || strings.HasSuffix(path, "test") {
			continue
		}
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
		if _, err := (&types.Config{Importer: imports}).Check(path, fset, p.parse(t, fset), info); err != nil {
			t.Fatal(err)
		}
		for _, object := range info.Uses {
			if object.Pkg() == chain {
				delete(unwritten, object.Name())
			}
		}
		for e, v := range info.Types {
			if types.Identical(v.Type, action) && makesAction(info, e, v) {
				t.Errorf("%s: an action of its own; the actions are in package audit", fset.Position(e.Pos()))
			}
		}
	}
	for name := range unwritten {
		t.Errorf("nobody writes audit.%s", name)
	}
}

// makesAction tells whether an expression of the type Action is a text of its own.
func makesAction(info *types.Info, e ast.Expr, v types.TypeAndValue) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.BasicLit:
		return e.Value != `""`
	case *ast.BinaryExpr:
		return true
	case *ast.CallExpr:
		if !info.Types[e.Fun].IsType() {
			return false
		}
		flag, ok := e.Args[0].(*ast.SelectorExpr) // what an operator looks for may be any text
		return !ok || v.Value != nil || flag.Sel.Name != "Action"
	}
	return false
}

// goPackage is a package as go list names it.
type goPackage struct {
	ImportPath, Dir, Export string
	GoFiles, Deps           []string
}

// listPackages lists what package audit's types occur in, and all that it needs,
// compiled.
func listPackages(t *testing.T) map[string]goPackage {
	out, err := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Deps", "./internal/...", "./cmd/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]goPackage{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

func (p goPackage) parse(t *testing.T, fset *token.FileSet) (files []*ast.File) {
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// TestEveryActionIsListed: people choose from audit.Actions what to look for.
func TestEveryActionIsListed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "internal/audit/action.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if text, ok := spec.Values[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
			found++
			if value, _ := strconv.Unquote(text.Value); !slices.Contains(audit.Actions, audit.Action(value)) {
				t.Errorf("%s is not in the list Actions, at the end of internal/audit/action.go: add it", spec.Names[0])
			}
		}
		return true
	})
	if len(audit.Actions) != found || found < 40 {
		t.Errorf("%d actions, %d in the list", found, len(audit.Actions))
	}
}
