package postgres

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

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
	switch {
	case err == nil || errors.Is(err, store.ErrUnknown):
		return err
	case db.closed.Load():
		return store.ErrClosed
	case passing(err):
		return fmt.Errorf("%w: %w", store.ErrBusy, plain(err))
	}
	return err
}

// passing tells whether an error may not come again: the server says so, or it
// could not be asked. Whatever else there is, a row that cannot be read say, is
// a mistake, and trying again would hide it.
func passing(err error) bool {
	// Nothing was asked yet, whatever the server has against the connection: a
	// role's password that was changed, a standby that does not let it in.
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) {
		return true
	}
	var answered *pgconn.PgError
	if errors.As(err, &answered) {
		return slices.ContainsFunc(temporary, func(class string) bool { return strings.HasPrefix(answered.Code, class) })
	}
	var network net.Error
	if errors.As(err, &network) || pgconn.SafeToRetry(err) {
		return true
	}
	for _, away := range []error{
		context.Canceled, context.DeadlineExceeded, errOldPrimary,
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, pgx.ErrTxCommitRollback,
		pgconn.ErrConnClosed, // it was closed before: nothing was sent
	} {
		if errors.Is(err, away) {
			return true
		}
	}
	return false
}

// collided tells whether the server has rolled a transaction back because it and
// another one waited for each other, or did not fit one after the other.
func collided(err error) bool {
	if errors.Is(err, store.ErrUnknown) {
		return false
	}
	var answered *pgconn.PgError
	var said *answer
	code := ""
	switch {
	case errors.As(err, &answered):
		code = answered.Code
	case errors.As(err, &said):
		code = said.code
	}
	return code == "40P01" || code == "40001"
}

// A transaction that collided is tried again so often. The pause before that, up to
// collisionPause, lets the other one go first: whoever is back at once takes the
// row that the other was waiting for, and they collide anew.
const (
	collisions     = 3
	collisionPause = 50 * time.Millisecond
)

// untilAlone runs what may collide with others, and changes nothing if it does.
func untilAlone(ctx context.Context, f func() error) error {
	for n := 0; ; n++ {
		err := f()
		if n == collisions || !collided(err) || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(rand.N(collisionPause)) //nolint:gosec // keeps nodes apart, guards nothing
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// answer is what the server said, without what it repeats of values.
type answer struct{ message, code string }

func (a *answer) Error() string { return fmt.Sprintf("%s (SQLSTATE %s)", a.message, a.code) }

// plain leaves out of an error what it repeats of values: details may quote a
// row. The password is in none of pgx's errors.
func plain(err error) error {
	var answered *pgconn.PgError
	if errors.As(err, &answered) {
		return &answer{answered.Message + blamed(err), answered.Code}
	}
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) {
		return errors.New(oneLine(connecting.Error()) + blamed(err))
	}
	return err
}

// blamed names the part of the URL that an error of connecting is about; "" for others.
func blamed(err error) string {
	var answered *pgconn.PgError
	var name *net.DNSError
	var issuer x509.UnknownAuthorityError
	var other x509.HostnameError
	switch {
	case errors.As(err, &answered):
		return map[string]string{
			"28P01": "; look at the user and the password: in the URL, PGPASSWORD or ~/.pgpass",
			"28000": "; look at the user in the URL, and at pg_hba.conf on the server",
			"3D000": "; look at the database's name in the URL: createdb makes one",
			"42704": "; look at the parameters of the URL, behind the question mark",
		}[answered.Code]
	case errors.As(err, &name):
		return "; look at the host in the URL"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "; look at the host and the port in the URL: nothing listens there"
	case errors.As(err, &issuer):
		return "; give the file of the server's CA: sslrootcert=FILE in the URL"
	case errors.As(err, &other):
		return "; look at the host in the URL: it must be a name in the server's certificate"
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return "; the server has no TLS: set it up there, or look at sslmode in the URL"
	}
	return ""
}

// oneLine makes one line of what pgx says of several attempts to connect. With
// and without TLS the same server mostly says the same, and that it has no TLS
// matters only where it was not asked without.
func oneLine(text string) string {
	lines := strings.Split(text, "\n")
	kept := lines[:0]
	for i, line := range lines {
		line = strings.TrimSpace(line)
		server, noTLS := strings.CutSuffix(line, "tls error: server refused TLS connection")
		if noTLS && i+1 < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[i+1]), server) {
			continue
		}
		kept = append(kept, strings.Replace(line, "ValidateConnect failed: read only connection", "it takes no writes (a standby, or read-only by default)", 1))
	}
	return strings.Replace(strings.Join(slices.Compact(kept), "; "), ":; ", ": ", 1)
}
