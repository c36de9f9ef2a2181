package main

import (
	"os"
	"path/filepath"
	"testing"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/store/postgres/pgtest"
)

// Commands that name only the data folder of a node over PostgreSQL are about
// its service, never about an empty database of their own making.
func TestOperatingASharedDatabase(t *testing.T) {
	url := pgtest.Boot(t).Database(t)
	s := nodetest.Boot(t, func(c *node.Config) { c.Database = url })
	data := s.Config.Data
	does(t, "300000000161", "systems", "list", "--data", data)
	does(t, "is revoked", "systems", "revoke", "200000000116", "--data", data)
	s.Stop()
	fails(t, "systems", "list", "--data", data)
	does(t, "revoked", "systems", "show", "200000000116", "--data", data, "--database", url)
	if _, err := os.Stat(filepath.Join(data, "nems.db")); !os.IsNotExist(err) {
		t.Errorf("an embedded database was made: %v", err)
	}
}
