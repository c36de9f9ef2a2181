package ledger

import (
	"context"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// PutSession is signin.Sessions'.
func (l *Ledger) PutSession(ctx context.Context, s store.Session, e audit.Entry) error {
	_, err := l.engine.Change(ctx, beginSession{s, e})
	return err
}

type beginSession struct {
	session store.Session
	entry   audit.Entry
}

func (o beginSession) Apply(tx Tx) (any, error) {
	s := o.session
	_, err := tx.Exec(`INSERT INTO session (key, "user", proof, certificate, roles, begun, seen, ends) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		s.Key[:], s.User, s.Proof, s.Certificate, strings.Join(s.Roles, " "), s.Begun.UnixMicro(), s.Seen.UnixMicro(), s.Ends.UnixMicro())
	if err != nil {
		return nil, err
	}
	tx.Record(o.entry)
	return nil, nil
}

const selectSession = `SELECT n, key, "user", proof, certificate, roles, begun, seen, ends FROM session`

func scanSession(r Row) (s store.Session, err error) {
	var key []byte
	var roles string
	var begun, seen, ends int64
	err = r.Scan(&s.N, &key, &s.User, &s.Proof, &s.Certificate, &roles, &begun, &seen, &ends)
	copy(s.Key[:], key)
	s.Roles, s.Begun, s.Seen, s.Ends = strings.Fields(roles), moment(&begun), moment(&seen), moment(&ends)
	return s, err
}

// Session is signin.Sessions'.
func (l *Ledger) Session(ctx context.Context, key store.SessionKey) (store.Session, error) {
	return store.First(read(ctx, l.engine.View, scanSession, selectSession+" WHERE key = $1", key[:]))
}

// SessionsAfter is operator.Visitors'.
func (l *Ledger) SessionsAfter(ctx context.Context, n int64, seen, now time.Time, max int) ([]store.Session, error) {
	return read(ctx, l.engine.View, scanSession, selectSession+" WHERE n > $1 AND seen > $2 AND ends > $3 ORDER BY n LIMIT $4",
		n, seen.UnixMicro(), now.UnixMicro(), max)
}

// SeeSession is signin.Sessions'.
func (l *Ledger) SeeSession(key store.SessionKey, at time.Time) error {
	return l.engine.Post(seeSession{key, at.UnixMicro()})
}

type seeSession struct {
	key store.SessionKey
	at  int64
}

func (o seeSession) Apply(tx Tx) (any, error) {
	_, err := tx.Exec("UPDATE session SET seen = $2 WHERE key = $1 AND seen < $2", o.key[:], o.at)
	return nil, err
}

// EndSession is operator.Visitors'.
func (l *Ledger) EndSession(ctx context.Context, n int64, e audit.Entry) error {
	_, err := l.engine.Change(ctx, endSession{n, e})
	return err
}

type endSession struct {
	n     int64
	entry audit.Entry
}

func (o endSession) Apply(tx Tx) (any, error) {
	n, err := tx.Exec("DELETE FROM session WHERE n = $1", o.n)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, refuse(store.ErrNotFound)
	}
	tx.Record(o.entry)
	return nil, nil
}

// PutSignInLink is operator.Visitors'.
func (l *Ledger) PutSignInLink(ctx context.Context, link store.SignInLink, e audit.Entry) error {
	_, err := l.engine.Change(ctx, putLink{link, e})
	return err
}

type putLink struct {
	link  store.SignInLink
	entry audit.Entry
}

func (o putLink) Apply(tx Tx) (any, error) {
	_, err := tx.Exec(`INSERT INTO sign_in_link (key, "user", roles, ends) VALUES ($1, $2, $3, $4)`,
		o.link.Key[:], o.link.User, strings.Join(o.link.Roles, " "), o.link.Ends.UnixMicro())
	if err != nil {
		return nil, err
	}
	tx.Record(o.entry)
	return nil, nil
}

// UseSignInLink is signin.Sessions'.
func (l *Ledger) UseSignInLink(ctx context.Context, key store.SessionKey, s store.Session, e audit.Entry) (store.Session, error) {
	return change[store.Session](ctx, l, useLink{key, s, e})
}

type useLink struct {
	key     store.SessionKey
	session store.Session
	entry   audit.Entry
}

func (o useLink) Apply(tx Tx) (any, error) {
	var roles string
	s := o.session
	found, err := first(tx, []any{&s.User, &roles}, `SELECT "user", roles FROM sign_in_link l WHERE key = $1 AND ends > $2`+tx.Lock("l"), o.key[:], s.Begun.UnixMicro())
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, refuse(store.ErrNotFound)
	}
	// Two may have read it: who deletes the row has used it.
	switch n, err := tx.Exec("DELETE FROM sign_in_link WHERE key = $1", o.key[:]); {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, refuse(store.ErrNotFound)
	}
	s.Roles = strings.Fields(roles)
	entry := o.entry
	entry.User, entry.Reason = s.User, roles
	_, err = beginSession{s, entry}.Apply(tx)
	return s, err
}
