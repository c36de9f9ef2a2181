package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/catalogue"
	"nems/internal/database"
	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/mailbox"
	"nems/internal/operator"
	"nems/internal/spine"
	"nems/internal/store"
)

// seed fills a dev database with the dev world and the MESH sandbox's files.
// Doing it again changes nothing.
func (n *node) seed(ctx context.Context, types *catalogue.Catalogue) error {
	if err := devworld.Seed(ctx, newPatientsOnly{n.directory, n.records(), n.Now()}); err != nil {
		return err
	}
	entry := audit.Entry{At: n.Now(), Action: audit.ActionSeed}
	for _, s := range devworld.Systems() {
		row, err := operator.EncodeSystem(spine.Registration{System: s})
		if err != nil {
			return err
		}
		if err := n.db.PutSystem(ctx, row, entry); err != nil {
			return err
		}
	}
	for _, box := range devworld.Mailboxes() {
		if _, err := n.db.PutMailbox(ctx, store.Mailbox{ID: box.ID, Name: box.Name, ODS: box.ODS, Password: box.Password}); err != nil {
			return err
		}
	}
	if err := n.seedControllers(ctx, types, entry); err != nil {
		return err
	}
	return n.sandboxFiles(ctx)
}

// seedControllers fills the controller catalogue once. Rows that somebody has
// changed stay as they are.
func (n *node) seedControllers(ctx context.Context, types *catalogue.Catalogue, entry audit.Entry) error {
	if rows, err := n.db.ControllerRows(ctx); err != nil || len(rows) > 0 {
		return err
	}
	var published, received []string
	for _, t := range types.Types() {
		received = append(received, t.Code)
		if t.Publishers == catalogue.Anyone {
			published = append(published, t.Code)
		}
	}
	var rows []store.ControllerRow
	for _, r := range devworld.Controllers(published, received) {
		row, err := operator.EncodeController(r)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return n.db.ChangeControllerRows(ctx, rows, nil, []audit.Entry{entry})
}

// sandboxFiles adds the mailboxes and workflows of the MESH sandbox's files.
func (n *node) sandboxFiles(ctx context.Context) error {
	boxes, err := readLines(n.MeshMailboxes, mailbox.ReadMailboxes)
	if err != nil {
		return err
	}
	for _, box := range boxes {
		if _, err := n.db.PutMailbox(ctx, box); err != nil {
			return err
		}
	}
	workflows, err := readLines(n.MeshWorkflows, mailbox.ReadWorkflows)
	if err != nil {
		return err
	}
	for _, w := range workflows {
		if err := n.db.PutWorkflow(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// readLines reads one of the sandbox's files; no path means no lines.
func readLines[T any](path string, read func(io.Reader) ([]T, error)) ([]T, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return lines, nil
}

// newPatientsOnly is a directory that accepts only patients that it does not have
// yet, because a restart must not undo what was learnt from events. Their records are
// kept too, so that they can be found and changed.
type newPatientsOnly struct {
	database.Directory
	records broker.RecordKeeper // nil: kept elsewhere
	now     time.Time
}

func (d newPatientsOnly) PutPatients(ctx context.Context, batch []directory.Patient) error {
	var unknown []directory.Patient
	for _, p := range batch {
		_, err := d.Patient(ctx, p.NHSNumber)
		if errors.Is(err, directory.ErrNotFound) {
			unknown = append(unknown, p)
		} else if err != nil {
			return err
		}
	}
	for i := range unknown {
		if err := d.keep(ctx, unknown[i]); err != nil {
			return err
		}
	}
	return d.Directory.PutPatients(ctx, unknown)
}

// devRecords is when the records of the dev world were made: before any event that
// somebody publishes.
var devRecords = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// keep keeps the first version of a patient's record, if there is enough for one.
func (d newPatientsOnly) keep(ctx context.Context, p directory.Patient) error {
	record := demographics.FromDirectory(p)
	if d.records == nil || record.Check() != nil {
		return nil
	}
	record.Updated = devRecords
	_, err := d.records.ChangeRecord(ctx, &store.RecordChange{Record: record, Audit: audit.Entry{At: d.now, Action: audit.ActionSeed, Patient: p.NHSNumber}})
	if errors.Is(err, store.ErrStale) {
		return nil // another node of the database has seeded it
	}
	return err
}
