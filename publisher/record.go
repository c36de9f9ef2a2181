package publisher

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// States of a message.
const (
	Waiting   = "waiting"   // it will be sent
	Sent      = "sent"      // the service has accepted it
	Refused   = "refused"   // the service has refused it; later messages of the patient wait
	Discarded = "discarded" // it was refused, and Discard let the others pass
	Held      = "held"      // it was held back before it was sent
)

// ErrNoMessage says that no message has the id, or none in the state that is needed.
var ErrNoMessage = errors.New("no such message in the outbox")

// Record is what is known of a message: what the specification asks publishers to be able
// to show (page "Publisher Information Governance").
type Record struct {
	ID          string // MessageHeader.id
	Event       string // event type
	Kind        string // new, update, delete
	LastUpdated string // sequence of the message, as written
	VersionID   string
	Payload     []byte // the message, byte for byte
	State       string
	Reason      string // why it is refused or held
	Added       time.Time
	Settled     time.Time // when its state became final; zero before
	Attempts    []Attempt
}

// Attempt is one time that a message was sent.
type Attempt struct {
	Began    time.Time
	URL      string
	Header   http.Header     // all of the request; of Authorization only the scheme
	Claims   json.RawMessage // of the token
	Status   int             // HTTP status; 0 means no answer
	Outcome  string          // accepted, or the service's words
	Answered time.Time       // zero means no answer was recorded
}

// Sent returns the record of a message, whatever its state. It returns ErrNoMessage.
func (o *Outbox) Sent(ctx context.Context, id string) (Record, error) {
	var (
		r              Record
		added, settled int64
	)
	err := o.DB.QueryRowContext(ctx, `SELECT id, event, kind, last_updated, version_id, payload, state, reason, added, settled
		FROM nems_outbox WHERE id = $1`, id).
		Scan(&r.ID, &r.Event, &r.Kind, &r.LastUpdated, &r.VersionID, &r.Payload, &r.State, &r.Reason, &added, &settled)
	if errors.Is(err, sql.ErrNoRows) {
		return Record{}, ErrNoMessage
	}
	if err != nil {
		return Record{}, fmt.Errorf("publisher: reading a record: %w", err)
	}
	r.Added, r.Settled = moment(added), moment(settled)
	r.Attempts, err = o.attempts(ctx, id)
	return r, err
}

func (o *Outbox) attempts(ctx context.Context, id string) (out []Attempt, err error) {
	rows, err := o.DB.QueryContext(ctx, `SELECT began, url, headers, claims, status, outcome, answered
		FROM nems_outbox_attempt WHERE id = $1 ORDER BY number`, id)
	if err != nil {
		return nil, fmt.Errorf("publisher: reading a record: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			a               Attempt
			began, answered int64
			headers, claims string
		)
		if err := rows.Scan(&began, &a.URL, &headers, &claims, &a.Status, &a.Outcome, &answered); err != nil {
			return nil, fmt.Errorf("publisher: reading a record: %w", err)
		}
		if err := json.Unmarshal([]byte(headers), &a.Header); err != nil {
			return nil, fmt.Errorf("publisher: reading a record: %w", err)
		}
		a.Began, a.Answered, a.Claims = moment(began), moment(answered), json.RawMessage(claims)
		out = append(out, a)
	}
	return out, rows.Err()
}

func moment(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

// Count returns how many messages are in each state.
func (o *Outbox) Count(ctx context.Context) (map[string]int, error) {
	rows, err := o.DB.QueryContext(ctx, `SELECT state, count(*) FROM nems_outbox GROUP BY state`)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return nil, fmt.Errorf("publisher: %w", err)
		}
		out[state] = n
	}
	return out, rows.Err()
}

// Refusals lists the messages that were refused and stop those after them, oldest first.
func (o *Outbox) Refusals(ctx context.Context) (out []Refusal, err error) {
	rows, err := o.DB.QueryContext(ctx, `SELECT id, event, reason, coalesce((SELECT status FROM nems_outbox_attempt a
		WHERE a.id = o.id ORDER BY number DESC LIMIT 1), 0) FROM nems_outbox o WHERE state = 'refused' ORDER BY seq`)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Refusal
		if err := rows.Scan(&r.ID, &r.Event, &r.Reason, &r.Status); err != nil {
			return nil, fmt.Errorf("publisher: %w", err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Retry sends a refused or held message again as it is: after what stood in its way, such
// as a registration, has been put right.
func (o *Outbox) Retry(ctx context.Context, id string) error {
	return o.change(ctx, `UPDATE nems_outbox SET state = 'waiting', reason = '', settled = 0, due = $1, claim = ''
		WHERE id = $2 AND state IN ('refused', 'held')`, o.now(), id)
}

// Discard gives a refused message up, and lets the messages after it pass: a corrected one,
// with an id of its own, may be among them. Its record stays.
func (o *Outbox) Discard(ctx context.Context, id string) error {
	return o.change(ctx, `UPDATE nems_outbox SET state = 'discarded', settled = $1 WHERE id = $2 AND state = 'refused'`, o.now(), id)
}

// change changes the state of one message.
func (o *Outbox) change(ctx context.Context, statement string, args ...any) error {
	done, err := o.DB.ExecContext(ctx, statement, args...)
	if err != nil {
		return fmt.Errorf("publisher: %w", err)
	}
	n, err := done.RowsAffected()
	if err == nil && n == 0 {
		err = ErrNoMessage
	}
	o.Wake()
	return err
}
