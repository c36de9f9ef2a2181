package ledger

import (
	"context"
	"time"

	"nems/internal/audit"
)

// Refused is the error of an operation that is refused on its own.
type Refused struct{ Reason error }

func (r Refused) Error() string { return r.Reason.Error() }

// refuse refuses an operation.
func refuse(reason error) error { return Refused{reason} }

// change has an operation applied and returns its answer.
func change[A any](ctx context.Context, l *Ledger, op Op) (A, error) {
	return answer[A](l.engine.Change(ctx, op))
}

func answer[A any](given any, err error) (a A, _ error) {
	if err == nil && given != nil {
		a = given.(A) //nolint:forcetypeassert // the operation's own answer
	}
	return a, err
}

// all reads the rows of a query.
func all[T any](r Reader, scan func(Row) (T, error), statement string, args ...any) (out []T, err error) {
	err = r.Query(func(row Row) error {
		one, err := scan(row)
		out = append(out, one)
		return err
	}, statement, args...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// column reads a query of one column.
func column[T any](r Reader, statement string, args ...any) ([]T, error) {
	return all(r, func(row Row) (value T, err error) { return value, row.Scan(&value) }, statement, args...)
}

// first reads the first row of a query, and says whether there is one.
func first(r Reader, into []any, statement string, args ...any) (found bool, err error) {
	err = r.Query(func(row Row) error {
		if found {
			return nil
		}
		found = true
		return row.Scan(into...)
	}, statement, args...)
	return found, err
}

// read reads rows in one go.
func read[T any](ctx context.Context, through func(context.Context, func(Reader) error) error, scan func(Row) (T, error), statement string, args ...any) (out []T, err error) {
	err = through(ctx, func(r Reader) (err error) {
		out, err = all(r, scan, statement, args...)
		return err
	})
	return out, err
}

// record has the audit tell of an entry that there may be.
func record(tx Tx, e *audit.Entry) {
	if e != nil {
		tx.Record(*e)
	}
}

// instant is a column's value: microseconds, or NULL for the zero time.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// moment is the inverse of instant, of a column that may be NULL.
func moment(micros *int64) time.Time {
	if micros == nil {
		return time.Time{}
	}
	return time.UnixMicro(*micros).UTC()
}

// orNull is a column's value: NULL for "".
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// notNull makes an empty value of an absent one.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
