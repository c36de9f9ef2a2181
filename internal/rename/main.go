// Command rename gives the module another path: in go.mod, in the imports and texts of
// the code, and in the documentation. It is run by make rename-module.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: make rename-module MODULE=example.org/nems")
		os.Exit(2)
	}
	changed, err := rename(".", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "rename:", err)
		os.Exit(1)
	}
	fmt.Printf("%d files name the module %s now. go vet ./... and make test say whether all is well.\n", changed, os.Args[1])
}

// modulePath is what Go takes for a path of a module with a public home (Go Modules
// Reference, module paths): elements of letters, digits and -._~, the first with a dot.
var modulePath = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+(/[A-Za-z0-9._~-]+)*$`)

// rename changes the module in a folder and says how many files that changed.
func rename(folder, to string) (changed int, err error) {
	if !modulePath.MatchString(to) {
		return 0, fmt.Errorf("the path of the module: expected one such as example.org/team/nems; received %q", to)
	}
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return 0, err
	}
	from, _, _ := strings.Cut(strings.TrimPrefix(string(mod), "module "), "\n")
	if from == to {
		return 0, errors.New("the module has this path already")
	}
	packages, err := packagesOf(folder)
	if err != nil {
		return 0, err
	}
	r := renaming{from: from, to: to, named: regexp.MustCompile(`(^|[^\w./-])` + regexp.QuoteMeta(from) + `/(` + strings.Join(packages, "|") + `)\b`)}
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != folder && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if d.IsDir() {
			return nil
		}
		is, err := r.file(path)
		if is {
			changed++
		}
		return err
	})
	return changed, err
}

// packagesOf lists the folders at the top that have packages below them.
func packagesOf(folder string) (out []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, regexp.QuoteMeta(e.Name()))
		}
	}
	return out, nil
}

type renaming struct {
	from, to string
	// named finds packages of the module by their paths.
	named *regexp.Regexp
}

// file changes one file and says whether it differs.
func (r *renaming) file(path string) (bool, error) {
	name := filepath.Base(path)
	switch filepath.Ext(name) {
	case ".go", ".md", ".mod", ".work":
	default:
		if name != "Makefile" {
			return false, nil
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	out := r.named.ReplaceAll(text, []byte("${1}"+r.to+"/${2}"))
	if name == "go.mod" {
		out = bytes.Replace(out, []byte("module "+r.from+"\n"), []byte("module "+r.to+"\n"), 1)
	}
	if filepath.Ext(name) == ".go" { // the whole of it, as tests of imports have it
		out = bytes.ReplaceAll(out, []byte(`"`+r.from+`/"`), []byte(`"`+r.to+`/"`))
	}
	if bytes.Equal(out, text) {
		return false, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return true, os.WriteFile(path, out, info.Mode().Perm())
}
