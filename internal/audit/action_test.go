package audit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// The list has every action once.
func TestActionsAreListed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "action.go", nil, 0)
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
			if value, _ := strconv.Unquote(text.Value); !slices.Contains(Actions, Action(value)) {
				t.Errorf("%s is not in Actions, in action.go: add it", spec.Names[0])
			}
		}
		return true
	})
	if len(Actions) != found || found < 40 {
		t.Errorf("%d actions, %d in the list", found, len(Actions))
	}
}
