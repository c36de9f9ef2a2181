package publisher_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"nems/client"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/store/postgres/pgtest"
	"nems/nemstest"
	"nems/publisher"
	"nems/publisher/embedded"
)

// The child is a publisher's system: it records vaccinations and sends them, until it is killed.
const (
	childURL  = "NEMS_TEST_PUBLISHER_URL"
	childFile = "NEMS_TEST_PUBLISHER_FILE"
)

func childWanted() bool { return os.Getenv(childURL) != "" }

// childOutbox opens an outbox in a file, or in the PostgreSQL that a DSN names.
func childOutbox(url, where string, timeout time.Duration, now func() time.Time) (*publisher.Outbox, error) {
	ctx := context.Background()
	c := publisher.Config{
		Client: &client.Client{URL: url, ASID: "300000000161", ODS: "A83627", NEMS: nemstest.NEMS},
		Lease:  timeout + timeout/2, Timeout: timeout, Poll: 10 * time.Millisecond, FirstPause: 10 * time.Millisecond, Now: now,
	}
	if !strings.HasPrefix(where, "postgres") {
		o, err := embedded.Open(ctx, where, c)
		if err != nil {
			return nil, err
		}
		return o.Outbox, nil
	}
	db, err := sql.Open("pgx", where)
	if err != nil {
		return nil, err
	}
	c.DB, c.Dialect = db, publisher.PostgreSQL
	o, err := publisher.New(c)
	if err != nil {
		return nil, err
	}
	return o, o.Migrate(ctx)
}

// child records in one transaction what happened and what is to be sent, and says so.
func child() {
	o, err := childOutbox(os.Getenv(childURL), os.Getenv(childFile), time.Second, time.Now)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	ctx := context.Background()
	go func() { _ = o.Run(ctx) }()
	for {
		if err := childRecords(ctx, o); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		o.Wake()
		fmt.Println("recorded")
	}
}

func childRecords(ctx context.Context, o *publisher.Outbox) error {
	tx, err := o.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	m, err := shot(jack, time.Now()).New()
	if err != nil {
		return err
	}
	id, err := o.Add(ctx, tx, m)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO vaccination (id) VALUES ($1)`, id); err != nil {
		return err
	}
	return tx.Commit()
}

// TestKilled kills the system again and again, while it records and sends. In the end the
// subscriber has what was recorded: each once, in order.
func TestKilled(t *testing.T) {
	t.Run("file", func(t *testing.T) {
		killed(t, filepath.Join(t.TempDir(), "outbox.db"), "INTEGER PRIMARY KEY AUTOINCREMENT")
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		killed(t, pgtest.Shared(t).Database(t), "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
	})
}

func killed(t *testing.T, where, serial string) {
	t.Helper()
	nems := nemstest.Start(t)
	_, err := nems.Subscriber().Subscribe(t.Context(), client.Subscription{
		Criteria: client.Explicit(jack).Event("vaccinations-1").Search(), Mailbox: nemstest.Mailbox, Reason: "Follow-up",
	})
	must(t, err)
	// In an hour, the leases of all senders that were killed have ended.
	o, err := childOutbox(nems.URL, where, time.Minute, func() time.Time { return time.Now().Add(time.Hour) })
	must(t, err)
	defer o.DB.Close()
	_, err = o.DB.ExecContext(t.Context(), `CREATE TABLE vaccination (seq `+serial+`, id TEXT NOT NULL)`)
	must(t, err)
	kills := 12
	if n, err := strconv.Atoi(os.Getenv("NEMS_TEST_KILLS")); err == nil {
		kills = n
	}
	for i := range kills {
		killAfter(t, nems.URL, where, 1+i%5)
	}
	if _, err := o.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	compare(t, recorded(t, o), collected(t, nems), kills)
}

// killAfter runs the child and kills it after so many records.
func killAfter(t *testing.T, url, file string, records int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childURL+"="+url, childFile+"="+file)
	said := &lines{wanted: records, reached: make(chan struct{})}
	c.Stdout, c.Stderr = said, said
	must(t, c.Start())
	select {
	case <-said.reached:
	case <-time.After(30 * time.Second):
		t.Error("the child records nothing: " + said.text.String())
	}
	must(t, c.Process.Kill())
	_ = c.Wait()
}

// lines reports when a child has said so much.
type lines struct {
	wanted  int
	reached chan struct{}
	text    bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.text.Write(p)
	if l.wanted > 0 && bytes.Count(l.text.Bytes(), []byte("recorded\n")) >= l.wanted {
		l.wanted = 0
		close(l.reached)
	}
	return len(p), nil
}

func recorded(t *testing.T, o *publisher.Outbox) (ids []string) {
	t.Helper()
	rows, err := o.DB.QueryContext(t.Context(), `SELECT id FROM vaccination ORDER BY seq`)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		must(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	return ids
}

func collected(t *testing.T, nems *nemstest.Server) (ids []string) {
	t.Helper()
	for _, c := range nems.Collect(nemstest.Mailbox) {
		doc, _, err := fhir.ParseXML(c.Body)
		must(t, err)
		e, _ := event.Read(doc)
		ids = append(ids, e.MessageID)
	}
	return ids
}

func compare(t *testing.T, want, got []string, kills int) {
	t.Helper()
	if len(want) < kills {
		t.Fatal(errors.New("the children recorded only " + strconv.Itoa(len(want))))
	}
	if len(got) != len(want) {
		t.Fatalf("%d were recorded, %d copies received", len(want), len(got))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("copy %d is %s; expected %s", i, got[i], want[i])
		}
	}
	t.Logf("%d kills, %d vaccinations, each once and in order", kills, len(want))
}
