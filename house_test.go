package nems_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// floors is the house of docs/architecture.md, lowest floor first. A package
// imports only from floors below its own. What is not listed stands on top.
var floors = [][]string{
	{"internal/plain", "internal/nhs", "internal/guard", "internal/refuse", "internal/requestid", "internal/tracing", "internal/certs", "internal/crashpoint", "internal/pgserver", "internal/wire", "internal/yamltree", "internal/signin/providertest", "internal/assure/requirements", "docs", "deploy"},
	{"internal/fhir", "internal/access", "internal/jwt"},
	{"internal/event", "internal/spine", "internal/mesh", "message"},
	{"internal/subscription"},
	{"internal/audit", "internal/catalogue", "internal/controllers", "internal/directory"},
	{"internal/controllers/extract", "internal/catalogue/example", "internal/demographics", "internal/directory/devworld", "internal/directory/pds", "internal/directory/pds/pdstest"},
	{"internal/world"},
	{"internal/scenario"},
	{"internal/store"},
	{"internal/store/ledger", "internal/store/portable", "internal/form", "internal/replay"},
	{"internal/store/postgres/pgtest"},
	{"internal/store/sqlite", "internal/store/postgres", "internal/broker", "internal/lane"},
	{"internal/webhook", "internal/stream", "internal/sqs"},
	{"internal/api", "internal/mailbox", "internal/courier", "internal/operator", "internal/mtls", "internal/pdsapi", "internal/r4", "internal/mns"},
	{"internal/signin", "internal/console/readable", "internal/console/handbook"},
	{"internal/console", "internal/database", "internal/site"},
	{"internal/store/storetest", "internal/datafolder"},
	{"internal/store/sqlite/sqlitetest"},
	{"client", "client/signed", "receiver", "internal/node"},
	{"internal/node/nodetest", "internal/play", "publisher", "internal/assure"},
	{"publisher/embedded", "publisher/pds"},
	{"internal/nation"},
	{"nemstest", "cmd/nems", "internal/proof/bench", "internal/release", "internal/proof/simulator", "internal/proof/torture", "internal/proof/cluster"},
}

// engines are the packages that no other package than datafolder may import: SQL
// behind anything else would tie it to one database. Tests may, what opens a
// database for them, and the simulator, which lets the database of a node fail.
var engines = map[string]bool{"internal/store/sqlite": true, "internal/store/postgres": true}

var opensDatabases = map[string]bool{"internal/datafolder": true, "internal/proof/simulator": true}

func TestImportsGoDownward(t *testing.T) {
	floor := map[string]int{}
	for i, packages := range floors {
		for _, p := range packages {
			floor[p] = i
		}
	}
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		from := filepath.ToSlash(filepath.Dir(path))
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			to, ours := strings.CutPrefix(name, "nems/")
			if err != nil || !ours {
				continue
			}
			seen++
			if _, known := floor[to]; !known {
				t.Errorf("%s: imports %s, which has no floor in this test", path, to)
			}
			if engines[to] && !opensDatabases[from] && !strings.HasSuffix(from, "test") {
				t.Errorf("%s: only internal/datafolder may import %s", path, to)
			}
			if at, known := floor[from]; known && floor[to] >= at {
				t.Errorf("%s: imports %s, which is not below it", path, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 10 {
		t.Fatalf("only %d imports were looked at: is this test run in the module's root?", seen)
	}
}

// TestMigrationNumbers: migrations are applied by their numbers, so that each is
// taken once and none is left out.
func TestMigrationNumbers(t *testing.T) {
	for _, folder := range []string{"internal/store/sqlite/migrations", "internal/store/sqlite/directory", "internal/store/postgres/migrations"} {
		files, err := filepath.Glob(folder + "/*.sql")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", folder, len(files), err)
		}
		for i, file := range files {
			number, _, _ := strings.Cut(filepath.Base(file), "_")
			if n, err := strconv.Atoi(number); err != nil || n != i+1 {
				t.Errorf("%s: expected the number %04d", file, i+1)
			}
		}
	}
}

// All that a command prints goes through cmd/nems/output.go, which makes texts from
// outside plain. An example is bytes to be published.
func TestCommandsPrintInOnePlace(t *testing.T) {
	raw := regexp.MustCompile(`fmt\.Print|Fprint\w*\(os\.Std|New(Encoder|Writer|TextHandler|JSONHandler)\(os\.Std|os\.Std(out|err)\.Write`)
	files, err := filepath.Glob("cmd/nems/*.go")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		if strings.HasSuffix(name, "_test.go") || name == "output.go" || name == "example.go" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if found := raw.Find(text); found != nil {
			t.Errorf("%s: %s; write to stdout() or stderr() of output.go", path, found)
		}
	}
}
