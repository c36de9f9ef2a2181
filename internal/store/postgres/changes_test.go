package postgres_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// A change whose transaction was begun before others, and ends after they were
// read, is read from the mark that was kept meanwhile.
func TestChangeThatCommitsLateIsNotMissed(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	db := runNode(t, url)
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	exec := func(sql string) {
		t.Helper()
		_, err := other.Exec(t.Context(), sql)
		must(err)
	}
	exec("BEGIN")
	exec("INSERT INTO patient_change (event) VALUES (4096)")
	early := eventAbout(db, storetest.Numbered(1), []byte("early"))
	early.Demographic = true
	_, err = db.AcceptEvent(t.Context(), early)
	must(err)
	first, err := db.PatientChanges(t.Context(), 0, 10)
	must(err)
	if !slices.Equal(first.Events, []store.EventID{early.Event}) {
		t.Errorf("while the other is open: %v", first.Events)
	}
	exec("COMMIT")
	second, err := db.PatientChanges(t.Context(), first.Mark, 10)
	must(err)
	if !slices.Contains(second.Events, 4096) {
		t.Errorf("after it has committed: %v, expected event 4096 among them", second.Events)
	}
	third, err := db.PatientChanges(t.Context(), second.Mark, 10)
	must(err)
	if len(third.Events) != 0 {
		t.Errorf("nothing is new: %v", third.Events)
	}
}
