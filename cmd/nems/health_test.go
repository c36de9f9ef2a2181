package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"nems/internal/node/nodetest"
	"nems/internal/store/postgres/pgtest"
)

func TestHealth(t *testing.T) {
	s := nodetest.Boot(t)
	data := s.Config.Data
	does(t, "ok", "health", "--data", data)
	does(t, "ok", "health", "--live", "--operations-url", s.URL+"/")
	stranger := httptest.NewServer(http.NotFoundHandler())
	defer stranger.Close()
	complains(t, "expected the health of a NEMS; received 404", "health", "--operations-url", stranger.URL)
	s.Stop()
	complains(t, "no service runs on the data folder", "health", "--data", data)
	unready := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"status":"draining"}`))
	}))
	defer unready.Close()
	fails(t, "health", "--operations-url", unready.URL)
}

// The URL of the database may be in a file, for every command that takes it.
func TestDatabaseInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "database")
	if err := os.WriteFile(file, []byte(pgtest.Boot(t).Database(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	does(t, "schema", "migrate", "--database", "file:"+file)
	does(t, "ASID", "systems", "list", "--data", t.TempDir(), "--database", "file:"+file)
	does(t, "ok     database", "serve", "--check", "--dev", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--database", "file:"+file)
	complains(t, "no such file", "migrate", "--database", "file:"+file+".none")
}
