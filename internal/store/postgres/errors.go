package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nems/internal/store"
)

// temporary are the classes and codes of SQLSTATE after which another attempt
// may succeed: nothing was stored (PostgreSQL, "Error Codes").
var temporary = []string{
	"08",    // connection
	"53",    // out of disk, memory, connections
	"57P",   // the server is going down or coming up
	"58",    // the machine under it
	"57014", // statement_timeout
	"25006", // the server became a standby
	"40001", // serialization
	"40P01", // deadlock
	"55P03", // lock_timeout
}

// classify makes store.ErrBusy of errors that may pass, store.ErrClosed of those
// after Close, and leaves the others.
func (db *DB) classify(err error) error {
	if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrClaimLost) || errors.Is(err, store.ErrUnknown) {
		return err
	}
	if db.closed.Load() {
		return store.ErrClosed
	}
	if passing(err) {
		return fmt.Errorf("%w: %w", store.ErrBusy, plain(err))
	}
	return err
}

// passing tells whether an error may not come again.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errOldPrimary) {
		return true
	}
	var answered *pgconn.PgError
	if !errors.As(err, &answered) {
		// No answer at all, unless the mistake is ours.
		return !errors.Is(err, pgx.ErrNoRows) && !errors.Is(err, store.ErrSchema) && !isLocal(err)
	}
	for _, class := range temporary {
		if strings.HasPrefix(answered.Code, class) {
			return true
		}
	}
	return false
}

// isLocal tells whether an error was made in this process: a value that does
// not fit its column, say.
func isLocal(err error) bool {
	var scan pgx.ScanArgError
	return errors.As(err, &scan) || errors.Is(err, store.ErrDamaged)
}

// plain leaves out of an error what it repeats of values: details may quote a
// row. The password is in none of pgx's errors.
func plain(err error) error {
	var answered *pgconn.PgError
	if errors.As(err, &answered) {
		return fmt.Errorf("%s (SQLSTATE %s)", answered.Message, answered.Code)
	}
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) {
		lines := strings.Split(connecting.Error(), "\n")
		for i, line := range lines {
			lines[i] = strings.TrimSpace(line)
		}
		return errors.New(strings.Join(lines, " "))
	}
	return err
}
