package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// accept records an event with its copies.
type accept struct {
	store.Acceptance
	hashes []int64 // of Facts.Keys
	key    []byte  // digest of the idempotency key; nil without
	facts  []byte  // packed
	entry  audit.Sealed

	candidates []subscription.Candidate
	found      int   // rows of candidates; more than few are not all
	matched    int64 // timeline of the server that named the candidates; 0: none has
	boxes      int64 // version of mailboxes and workflows then; 0 without candidates
	copies     []subscription.Copy
	dropped    bool // part of a change that was refused
}

// AcceptEvent is broker.Journal's. A batch is matched before its transaction,
// and again in it where another server has taken over in between.
func (db *DB) AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error) {
	op := newAccept(a)
	if err := db.matchFirst(ctx, op); err != nil {
		return store.Receipt{}, err
	}
	r, err := db.writer.committer.Submit(ctx, task{publish: op})
	return r.receipt, err
}

func newAccept(a store.Acceptance) *accept {
	op := &accept{Acceptance: a, hashes: store.RouteHashes(a.Facts.Keys), key: a.Idempotency.Digest(), facts: a.PackedFacts(), entry: seal(a.Audit)}
	op.Audit = audit.Entry{}
	return op
}

// matchFirst matches before the transaction. Errors say that nothing was stored.
func (db *DB) matchFirst(ctx context.Context, op *accept) error {
	if !op.routed() {
		return nil
	}
	if _, err := db.matcher.Submit(ctx, op); err != nil {
		return notStored(err)
	}
	if op.crowded() {
		if err := db.matchAlone(ctx, op); err != nil {
			return err
		}
	}
	return db.atVersion(ctx, op.boxes)
}

// routed tells whether the event is matched as it is accepted.
func (a *accept) routed() bool { return !a.Deferred && !a.Withheld }

// crowded tells whether the candidates are not all there are.
func (a *accept) crowded() bool { return a.found > few }

// notStored is an error of what goes before the commit: when the caller goes
// away meanwhile, it is known that nothing is stored.
func notStored(err error) error {
	if errors.Is(err, store.ErrUnknown) {
		return fmt.Errorf("%w: %v", store.ErrBusy, err)
	}
	return err
}

func (a *accept) eventType() eventType { return eventType{a.Code, a.Workflow} }

// opening is what the publishes of a batch have to ask before their rows are
// known.
type opening struct {
	accepts []*accept
	at      []int     // where each stands in the batch
	changes bool      // there are changes too
	begun   int       // statements that begin the transaction
	keys    bool      // some have idempotency keys
	again   []*accept // were matched by a server that another has taken over from
	results []result  // of accepts
}

func newOpening(tasks []task) *opening {
	o := &opening{}
	for i, t := range tasks {
		o.changes = o.changes || t.change != nil
		for _, a := range t.accepts() {
			o.accepts, o.at = append(o.accepts, a), append(o.at, i)
		}
	}
	return o
}

// begin begins the transaction. Where there are changes, it locks event before
// whatever they need, see partitioned.
func (o *opening) begin(b *pgx.Batch) {
	b.Queue("BEGIN")
	if o.changes {
		b.Queue("LOCK TABLE ONLY event IN ROW SHARE MODE")
	}
	o.begun = b.Len()
}

// queue asks behind begin, and says whether there was anything to ask; read then
// reads the answers. Idempotency keys up to forgotten count no more.
func (o *opening) queue(b *pgx.Batch, forgotten store.EventID, timeline int64) bool {
	o.keys = queueKeys(b, forgotten, o.accepts)
	for _, a := range o.accepts {
		if a.routed() && a.matched != timeline {
			o.again = append(o.again, a)
		}
	}
	if len(o.again) > 0 {
		b.Queue(selectCandidates, candidatesOf(o.again)...)
	}
	return o.keys || len(o.again) > 0
}

func (o *opening) read(answers pgx.BatchResults, db *DB) (known map[string]earlier, err error) {
	for range o.begun {
		if _, err := answers.Exec(); err != nil {
			return nil, err
		}
	}
	if o.keys {
		if known, err = readKeys(answers); err != nil {
			return nil, err
		}
	}
	if len(o.again) == 0 {
		return known, nil
	}
	rows, err := answers.Query()
	if err != nil {
		return nil, err
	}
	return known, db.readCandidates(rows, o.again)
}

// conclude says what becomes of the publishes.
func (o *opening) conclude(known map[string]earlier) {
	o.results = make([]result, len(o.accepts))
	for i, a := range o.accepts {
		if before, used := known[string(a.key)]; used && before.event != a.Event {
			o.results[i] = before.answer(a)
			continue
		}
		a.copies = nil
		if a.routed() {
			a.copies = subscription.Match(a.candidates, a.Facts)
		}
		o.results[i].receipt = store.Receipt{Event: a.Event, Copies: len(a.copies)}
		if a.key != nil {
			known[string(a.key)] = earlier{event: a.Event, sum: a.Body.SHA256[:], copies: len(a.copies)}
		}
	}
}

// earlier is what is known of an idempotency key.
type earlier struct {
	event  store.EventID
	sum    []byte
	copies int
}

// answer is what a publish under a known key comes to.
func (e earlier) answer(a *accept) result {
	if !bytes.Equal(e.sum, a.Body.SHA256[:]) {
		return result{err: store.ErrKeyReused}
	}
	return result{receipt: store.Receipt{Event: e.event, Copies: e.copies, Repeated: true}}
}

// queueKeys claims the idempotency keys of a batch and reads them back: who
// finds another event there came second, on whichever node. It says whether
// there are any.
func queueKeys(b *pgx.Batch, forgotten store.EventID, accepts []*accept) bool {
	var digests, sums [][]byte
	var events []int64
	seen := map[string]bool{}
	for _, a := range accepts {
		if a.key == nil || seen[string(a.key)] {
			continue // the first of a batch claims it, the others find it claimed
		}
		seen[string(a.key)] = true
		digests, events, sums = append(digests, a.key), append(events, int64(a.Event)), append(sums, a.Body.SHA256[:])
	}
	if len(digests) == 0 {
		return false
	}
	b.Queue(`INSERT INTO idempotency (digest, event, sha256)
		SELECT d, e, s FROM unnest($1::bytea[], $2::bigint[], $3::bytea[]) AS k(d, e, s) ORDER BY d
		ON CONFLICT (digest) DO UPDATE SET event = excluded.event, sha256 = excluded.sha256
		WHERE idempotency.event <= $4`, digests, events, sums, int64(forgotten))
	b.Queue(`SELECT k.digest, k.event, k.sha256, coalesce(e.copies, 0)
		FROM idempotency k LEFT JOIN event e ON e.id = k.event WHERE k.digest = ANY($1)`, digests)
	return true
}

func readKeys(answers pgx.BatchResults) (map[string]earlier, error) {
	if _, err := answers.Exec(); err != nil {
		return nil, err
	}
	rows, err := answers.Query()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known := map[string]earlier{}
	for rows.Next() {
		var digest []byte
		var e earlier
		if err := rows.Scan(&digest, &e.event, &e.sum, &e.copies); err != nil {
			return nil, err
		}
		known[string(digest)] = e
	}
	return known, rows.Err()
}

// queueAccepted queues the rows of the publishes that are new.
func (w *writer) queueAccepted(b *pgx.Batch, o *opening) {
	var kept []*accept
	for i, a := range o.accepts {
		if o.results[i].err != nil || a.dropped {
			continue
		}
		w.entries = append(w.entries, a.entry)
		if !o.results[i].receipt.Repeated {
			kept = append(kept, a)
		}
	}
	if len(kept) == 0 {
		return
	}
	w.listTypes(b, kept)
	queueEvents(b, kept)
	queueChanges(b, kept)
	files := filing{known: &w.db.known, now: w.db.opts.Now()}
	for _, a := range kept {
		switch {
		case a.Deferred:
			b.Queue("INSERT INTO pending (event, snapshot) VALUES ($1, pg_current_snapshot())", int64(a.Event))
		case len(a.copies) > store.MaxFiled:
			b.Queue("INSERT INTO fanout (event, next, copies) VALUES ($1, 0, $2)", int64(a.Event), store.PackCopies(a.copies))
			w.spreadDue = true
		default:
			files.add(a.Event, a.eventType(), a.Body.Size, a.Patient, a.copies)
		}
	}
	files.queue(b)
	w.entries = append(w.entries, files.sealed()...)
}

// queueEvents writes the events and their bodies.
func queueEvents(b *pgx.Batch, kept []*accept) {
	n := len(kept)
	ids, patients := make([]int64, n), make([]int64, n)
	types, sizes, copies := make([]int32, n), make([]int32, n), make([]int32, n)
	kinds, messages, publishers := make([]string, n), make([]string, n), make([]string, n)
	withheld, codecs := make([]bool, n), make([]int16, n)
	warnings, sums, bodies, facts := make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
	pieces := &pgx.Batch{}
	for i, a := range kept {
		ids[i], types[i], sizes[i], copies[i] = int64(a.Event), a.eventType().number(), int32(a.Body.Size), int32(len(a.copies))
		kinds[i], messages[i], publishers[i] = a.Kind, a.MessageID, string(a.Publisher)
		patients[i], facts[i] = store.PackPatient(a.Patient), a.facts
		withheld[i], codecs[i] = a.Withheld, int16(a.Body.Codec)
		warnings[i], sums[i] = a.Warnings, a.Body.SHA256[:]
		if len(a.Body.Data) <= store.MaxPiece {
			bodies[i] = notNull(a.Body.Data)
			continue
		}
		for n, piece := range store.Pieces(a.Body.Data) {
			pieces.Queue("INSERT INTO event_piece (event, n, data) VALUES ($1, $2, $3)", int64(a.Event), n, piece)
		}
	}
	b.Queue(`INSERT INTO event (id, type, kind, message_id, publisher, withheld, warnings, copies, codec, size, sha256, body, patient, facts)
		SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::bytea[], $8::int[], $9::smallint[], $10::int[], $11::bytea[], $12::bytea[], $13::bigint[], $14::bytea[])`,
		ids, types, kinds, messages, publishers, withheld, warnings, copies, codecs, sizes, sums, bodies, patients, facts)
	b.QueuedQueries = append(b.QueuedQueries, pieces.QueuedQueries...)
}
