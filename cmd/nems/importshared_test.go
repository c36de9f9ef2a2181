package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/datafolder"
	"nems/internal/directory"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
)

// A file goes into the directory that the nodes of a PostgreSQL database share: all of it
// or, with --strict and a wrong line, nothing.
func TestImportIntoTheSharedDirectory(t *testing.T) {
	url, data := pgtest.Boot(t).Database(t), t.TempDir()
	csv := file(t, "p.csv", threePostcodes)
	fails(t, "import", "postcodes", csv, "--data", data, "--database", url) // there is no schema
	if _, _, err := datafolder.Migrate(t.Context(), data, url); err != nil {
		t.Fatal(err)
	}
	there := func(want bool) {
		t.Helper()
		d, done, err := datafolder.OpenShared(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		if _, err := d.Places(t.Context(), "LS17 7DF"); (err == nil) != want {
			t.Errorf("the postcode is there: %v; expected %v", err, want)
		}
	}
	fails(t, "import", "postcodes", csv, "--strict", "--data", data, "--database", url)
	there(false)
	does(t, "2 postcodes imported, 1 lines left out", "import", "postcodes", csv, "--data", data, "--database", url)
	there(true)
	does(t, "1 postcodes imported", "import", "postcodes", file(t, "q.csv", "postcode\nAB1 1AB\n"), "--replace", "--data", data, "--database", "file:"+file(t, "url", url))
	there(false)
	if _, err := os.Stat(filepath.Join(data, datafolder.DirectoryFile)); !os.IsNotExist(err) {
		t.Errorf("an embedded directory was made: %v", err)
	}
	fails(t, "import", "postcodes", csv, "--replace", "--data", t.TempDir())

	busy, err := datafolder.OpenImport(t.Context(), data, url, directory.KindPatients, false)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	fails(t, "import", "postcodes", csv, "--data", data, "--database", url)
}

// Without --database the folder of a node over PostgreSQL is refused: nobody would read the file.
func TestImportIntoTheFolderOfASharedService(t *testing.T) {
	url := pgtest.Boot(t).Database(t)
	s := nodetest.Boot(t, func(c *node.Config) { c.Database = url })
	csv := file(t, "p.csv", goodPostcodes)
	for range 2 { // also after it has ended
		if said, code := printed(t, "import", "postcodes", csv, "--data", s.Config.Data); code != 1 || strings.Contains(said, "imported") {
			t.Errorf("exit code %d: %s", code, said)
		}
		s.Stop()
	}
}
