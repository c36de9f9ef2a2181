package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// chunkRows is how many rows of a file are copied in one transaction. What a crash
// leaves is whole chunks.
const chunkRows = 20_000

// Import fills one part of the shared directory from a file: a directory.Sink whose
// rows nobody sees before Finish. One import runs at a time. If it is broken off, the
// next one of the same part keeps the chunks that are the same. Not safe for concurrent
// use.
type Import struct {
	kind    directory.Kind
	whole   bool
	conn    *pgx.Conn
	table   string // of the next generation, without an index
	started time.Time
	chunks  []chunk // of an import that was broken off, from the first one on
	kept    int     // rows of those that the file has too
	number  int     // chunks of the file so far
	rows    int64   // rows of the file so far
	chunk   chunk   // that is being filled
	text    *copyText
	copying chan error // answers when the chunk before is copied; nil if none is
	// Of organisations: those of the file, and the areas that a file of postcodes names.
	organisations map[nhs.ODSCode]directory.Organisation
	areas         copyText
	// learnt are how new the parts of records are in a directory that is taken over; nil
	// for a file.
	learnt *copyText
}

// chunk is some rows of a file, and the SHA-256 of how they are copied.
type chunk struct {
	rows   int64
	digest [sha256.Size]byte
}

// OpenImport begins to import a part, or goes on where an import was broken off. With
// whole what the file does not have is gone afterwards. It returns directory.ErrImporting while another one runs.
func OpenImport(ctx context.Context, dsn string, kind directory.Kind, whole bool) (*Import, error) {
	i := &Import{kind: kind, whole: whole, text: &copyText{}, organisations: map[nhs.ODSCode]directory.Organisation{}}
	if err := i.open(ctx, dsn); err != nil {
		return nil, errors.Join(fmt.Errorf("PostgreSQL: %w", plain(err)), i.Close())
	}
	return i, nil
}

func (i *Import) open(ctx context.Context, dsn string) error {
	if err := prepareSchema(ctx, dsn, false); err != nil {
		return err
	}
	s, err := newServers(dsn, slog.New(slog.DiscardHandler), func() {})
	if err != nil {
		return err
	}
	config := s.config.ConnConfig.Copy()
	// Whole tables are read and sorted here, unlike anywhere else.
	for name, value := range map[string]string{
		"statement_timeout": "0", "enable_seqscan": "on", "enable_hashjoin": "on", "enable_mergejoin": "on",
		"maintenance_work_mem": "256MB", "work_mem": "64MB", "application_name": "nems import",
	} {
		config.RuntimeParams[name] = value
	}
	if i.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return err
	}
	var alone bool
	if err := i.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(importLock)).Scan(&alone); err != nil {
		return err
	}
	if !alone {
		return i.refused(ctx)
	}
	return i.resume(ctx)
}

// refused says who imports.
func (i *Import) refused(ctx context.Context) error {
	var part, who string
	var started time.Time
	err := i.conn.QueryRow(ctx, "SELECT part, who, started FROM directory_import").Scan(&part, &who, &started)
	if err != nil {
		return fmt.Errorf("%w; try again when it has ended", directory.ErrImporting)
	}
	return fmt.Errorf("%w: %s, by %s, since %s; try again when it has ended", directory.ErrImporting, part, who, started.UTC().Format("2 Jan 2006 15:04:05"))
}

// Resumed returns how many rows of an import that was broken off the file has too, as
// far as it was read.
func (i *Import) Resumed() int { return i.kept }

// resume finds what an import of the same part has left, or begins a new table.
func (i *Import) resume(ctx context.Context) error {
	var generation int64
	err := i.conn.QueryRow(ctx, "SELECT generation, started FROM directory_import WHERE part = $1 AND to_regclass('directory_' || part || '_' || generation) IS NOT NULL",
		string(i.kind)).Scan(&generation, &i.started)
	if errors.Is(err, pgx.ErrNoRows) {
		return i.begin(ctx)
	}
	if err != nil {
		return err
	}
	i.table = tableOf(i.kind, generation)
	if _, err := i.conn.Exec(ctx, "UPDATE directory_import SET who = $1", whoImports()); err != nil {
		return err
	}
	if _, err := i.conn.Exec(ctx, "DROP INDEX IF EXISTS "+i.table+"_key"); err != nil {
		return err
	}
	rows, err := i.conn.Query(ctx, "SELECT rows, digest FROM directory_chunk ORDER BY number")
	if err != nil {
		return err
	}
	var c chunk
	var digest []byte
	_, err = pgx.ForEachRow(rows, []any{&c.rows, &digest}, func() error {
		copy(c.digest[:], digest)
		i.chunks = append(i.chunks, c)
		return nil
	})
	return err
}

// begin makes an empty table of a new generation.
func (i *Import) begin(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, i.conn, func(tx pgx.Tx) error {
		var now, next int64
		if err := tx.QueryRow(ctx, "SELECT generation, nextval('directory_generation') FROM directory_part WHERE part = $1", string(i.kind)).Scan(&now, &next); err != nil {
			return err
		}
		i.table = tableOf(i.kind, next)
		for _, statement := range []string{
			"CREATE TABLE " + i.table + " (LIKE " + tableOf(i.kind, now) + ")", "DELETE FROM directory_import", "DELETE FROM directory_chunk",
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return tx.QueryRow(ctx, "INSERT INTO directory_import (part, generation, who) VALUES ($1, $2, $3) RETURNING started", string(i.kind), next, whoImports()).Scan(&i.started)
	})
	if err == nil {
		err = i.clean(ctx)
	}
	return err
}

func whoImports() string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown machine"
	}
	return fmt.Sprintf("process %d on %s", os.Getpid(), host)
}

// clean drops tables that no part and no import uses any more. One that somebody still
// reads, for a backup say, waits for the next import.
func (i *Import) clean(ctx context.Context) error {
	rows, err := i.conn.Query(ctx, `SELECT relname FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = current_schema() AND relkind = 'r' AND relname ~ '^directory_(patients|organisations|postcodes)_[0-9]+$'
		AND relname NOT IN (SELECT 'directory_' || part || '_' || generation FROM directory_part UNION SELECT 'directory_' || part || '_' || generation FROM directory_import)`)
	if err != nil {
		return err
	}
	old, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, table := range old {
		if _, err := i.conn.Exec(ctx, "DROP TABLE IF EXISTS "+table); err != nil && !isCode(err, "55P03") {
			return err
		}
	}
	return nil
}

// add takes one row of the file.
func (i *Import) add(ctx context.Context, encode func(c *copyText, n int64) error) error {
	i.rows++
	i.chunk.rows++
	if err := encode(i.text, i.rows); err != nil {
		return err
	}
	if i.chunk.rows < chunkRows {
		return nil
	}
	return i.flush(ctx)
}

// flush has the chunk copied, while the next one is read, unless an import before has
// copied the same.
func (i *Import) flush(ctx context.Context) error {
	if i.chunk.rows == 0 {
		return nil
	}
	c := chunk{i.chunk.rows, sha256.Sum256(i.text.Bytes())}
	number, before := i.number, i.rows-c.rows
	i.number++
	i.chunk = chunk{}
	if number < len(i.chunks) && i.chunks[number] == c {
		i.kept += int(c.rows)
		i.text.Reset()
		return nil
	}
	if err := i.wait(); err != nil {
		return err
	}
	if number < len(i.chunks) { // from here on it is another file
		if err := i.drop(ctx, number, before); err != nil {
			return err
		}
	}
	text, copying := i.text, make(chan error, 1)
	i.text, i.copying = &copyText{}, copying
	i.text.Grow(text.Len())
	go func() { copying <- i.copy(ctx, number, c, text.Bytes()) }()
	return nil
}

// wait waits until the connection is free.
func (i *Import) wait() error {
	if i.copying == nil {
		return nil
	}
	err := <-i.copying
	i.copying = nil
	return err
}

func (i *Import) copy(ctx context.Context, number int, c chunk, text []byte) error {
	return pgx.BeginFunc(ctx, i.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO directory_chunk VALUES ($1, $2, $3)", number, c.rows, c.digest[:]); err != nil {
			return err
		}
		return copyIn(ctx, tx.Conn(), copyInto(i.table, i.kind), text)
	})
}

func copyIn(ctx context.Context, conn *pgx.Conn, statement string, text []byte) error {
	_, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(text), statement)
	return plain(err)
}

// drop removes the chunks from one on, which came from another file.
func (i *Import) drop(ctx context.Context, from int, rows int64) error {
	i.chunks = i.chunks[:from]
	if from == 0 {
		return i.begin(ctx)
	}
	return pgx.BeginFunc(ctx, i.conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM directory_chunk WHERE number >= $1", from)
		if err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM "+i.table+" WHERE n > $1", rows)
		}
		return err
	})
}

// Close ends the import. What was copied stays for the next one of the same part.
func (i *Import) Close() error {
	_ = i.wait()
	if i.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), statementWait)
	defer cancel()
	return i.conn.Close(ctx)
}
