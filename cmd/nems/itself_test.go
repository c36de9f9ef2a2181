package main

import "testing"

// TestStartedAs: commands that we print work where the program was started.
func TestStartedAs(t *testing.T) {
	for _, c := range []struct{ name, folder, want string }{
		{"nems", "/", "nems"},
		{"bin/nems", "/", "bin/nems"},
		{"/usr/local/bin/nems", "/", "/usr/local/bin/nems"},
		{"./my nems", "/", "nems"},
		{"/tmp/go-build123/b001/exe/nems", "../..", "go run ./cmd/nems"},
		{"/home/j/.cache/go-build/95/95b3e0922df1891c57a693b7e34016e93358fe2dbf1298526b1e185a1cbb41a6-d/nems", "../..", "go run ./cmd/nems"},
		{"/tmp/go-build123/b001/exe/nems", ".", "go run ."},
		{"/tmp/go-build123/b001/exe/nems", t.TempDir(), "nems"},
	} {
		if got := startedAs(c.name, c.folder); got != c.want {
			t.Errorf("started as %s in %s: expected %q; received %q", c.name, c.folder, c.want, got)
		}
	}
}
