package mailbox_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"nems/internal/mailbox"
	"nems/internal/store/sqlite"
)

var _ mailbox.Boxes = (*sqlite.DB)(nil)

// everyBoxes runs a test over each kind of boxes, each time in a new world.
func everyBoxes(t *testing.T, test func(*testing.T, *world)) {
	t.Run("memory", func(t *testing.T) { test(t, newWorld(t)) })
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteWorld(t)) })
}

// sqliteWorld has its mailboxes in a database on disk.
func sqliteWorld(t testing.TB, change ...func(*mailbox.Config)) *world {
	t.Helper()
	at := &clock{at: testStart}
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "nems.db"), sqlite.Options{Now: at.now})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- db.Run(running) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, m := range testMailboxes {
		if _, err := db.PutMailbox(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range testWorkflows {
		if err := db.PutWorkflow(ctx, w); err != nil {
			t.Fatal(err)
		}
	}
	w := worldOver(t, db, at, change...)
	w.db = db
	return w
}

func decode(t testing.TB, body string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
}
