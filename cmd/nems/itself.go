package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// itself is this program as it was started, for commands that we tell people to
// type next: nems where a shell finds it, otherwise the path that was typed, or
// go run with the package's folder.
func itself() string {
	wd, err := os.Getwd()
	if err != nil {
		return "nems"
	}
	return startedAs(os.Args[0], wd)
}

// ranByGo matches where go run puts a program: in a temporary folder, or in the
// build cache, which later versions of Go do.
var ranByGo = regexp.MustCompile(`/go-build[0-9]+/b[0-9]+/exe/|/[0-9a-f]{2}/[0-9a-f]{64}-d/`)

// startedAs is itself for a program with this name that was started in a folder.
func startedAs(name, folder string) string {
	if ranByGo.MatchString(filepath.ToSlash(name)) {
		for _, source := range []string{"./cmd/nems", "."} {
			if _, err := os.Stat(filepath.Join(folder, source, "itself.go")); err == nil {
				return "go run " + source
			}
		}
		return "nems"
	}
	if strings.ContainsAny(name, " \t'\"") || strings.HasSuffix(name, ".test") { // the latter in our own tests
		return "nems"
	}
	return name
}
