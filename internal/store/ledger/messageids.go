package ledger

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	"nems/internal/store"
)

// The sizes of the index by MessageHeader.id. A segment is written when it has so many
// events, so up to that many, and those of the last minutes, are looked through.
const (
	segmentEvents   = 4096
	eventsAtOnce    = 1024
	messageBuckets  = 64
	messageSegments = 32 // one round of housekeeping files at most
	messageHit      = 4 + 8
)

// messageKey is what a MessageHeader.id is filed under, in whichever letters. Keys of
// different ids may be equal: who looks one up reads the events, too.
type messageKey uint64

func keyOfMessage(id string) messageKey {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strings.ToLower(id)))
	return messageKey(h.Sum64())
}

func (k messageKey) bucket() int { return int(k % messageBuckets) } //nolint:gosec // less than that

// rest is what a hit has of the key.
func (k messageKey) rest() uint32 { return uint32(k >> 32) } //nolint:gosec // its upper half

// messageFiling is the segment that is not full yet, so that no round of housekeeping
// reads again what an earlier one has read.
type messageFiling struct {
	sync.Mutex
	behind, last store.EventID // the last event that is filed, and of the segment
	events       int
	buckets      [messageBuckets][]byte
}

func (f *messageFiling) begin(behind store.EventID) {
	f.behind, f.last, f.events, f.buckets = behind, behind, 0, [messageBuckets][]byte{}
}

func (f *messageFiling) add(event store.EventID, messageID string) {
	k := keyOfMessage(messageID)
	b := &f.buckets[k.bucket()]
	*b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(*b, k.rest()), uint64(event)) //nolint:gosec // the bits
	f.last, f.events = event, f.events+1
}

// fileMessages files the MessageHeader.ids of the events that no earlier one can join
// any more.
func (l *Ledger) fileMessages(ctx context.Context, now time.Time) error {
	f := &l.messages
	f.Lock()
	defer f.Unlock()
	settled := l.engine.Moments().Position(now.Add(-settledAfter))
	for range messageSegments {
		behind, err := l.messagesFiledTo(ctx)
		if err != nil {
			return err
		}
		if f.behind != behind { // another node has filed
			f.begin(behind)
		}
		for f.events < segmentEvents {
			rows, err := read(ctx, l.engine.Read, scanMessageID, "SELECT id, message_id FROM event WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3", f.last, settled, eventsAtOnce)
			if err != nil {
				return err
			}
			for _, r := range rows {
				f.add(r.event, r.id)
			}
			if len(rows) < eventsAtOnce {
				return nil
			}
		}
		_, err = l.engine.Change(ctx, fileMessageIDs{f.behind + 1, f.last, f.buckets})
		if f.begin(0); err != nil { // the next one begins where the table ends
			return err
		}
	}
	return nil
}

// namedEvent is an event with its MessageHeader.id.
type namedEvent struct {
	event store.EventID
	id    string
}

func scanMessageID(r Row) (e namedEvent, err error) { return e, r.Scan(&e.event, &e.id) }

// messagesFiledTo is the last event that is filed; 0 before the first. Every segment has
// a row in the first bucket.
func (l *Ledger) messagesFiledTo(ctx context.Context) (store.EventID, error) {
	found, err := read(ctx, l.engine.Read, scanEventID, "SELECT last FROM message_filed WHERE bucket = 0 ORDER BY first DESC LIMIT 1")
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}

// fileMessageIDs writes a segment. Where two nodes do so at once, one does nothing.
type fileMessageIDs struct {
	first, last store.EventID
	buckets     [messageBuckets][]byte
}

func (o fileMessageIDs) Apply(tx Tx) (any, error) {
	// Segments whose events are all gone have nothing to find.
	tx.Later("DELETE FROM message_filed WHERE last < (SELECT min(id) FROM event)")
	for bucket, hits := range o.buckets {
		if len(hits) > 0 || bucket == 0 {
			tx.Later("INSERT INTO message_filed (bucket, first, last, hits) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", bucket, o.first, o.last, notNull(hits))
		}
	}
	return nil, nil
}

// mostSameID is how many events with one MessageHeader.id are found through the index.
const mostSameID = 1000

// eventsWithID finds events that may have a MessageHeader.id, the newest first, among
// those up to filed.
func (l *Ledger) eventsWithID(ctx context.Context, id string) (filed store.EventID, events []int64, err error) {
	if filed, err = l.messagesFiledTo(ctx); err != nil {
		return 0, nil, err
	}
	key := keyOfMessage(id)
	err = l.engine.View(ctx, func(r Reader) error {
		events = []int64{}
		return r.Query(func(row Row) error {
			var hits []byte
			if err := row.Scan(&hits); err != nil || len(events) >= mostSameID {
				return err
			}
			var some []int64
			for ; len(hits) >= messageHit; hits = hits[messageHit:] {
				if binary.BigEndian.Uint32(hits) == key.rest() {
					some = append(some, int64(binary.BigEndian.Uint64(hits[4:]))) //nolint:gosec // the bits
				}
			}
			slices.Reverse(some)
			events = append(events, some...)
			return nil
		}, "SELECT hits FROM message_filed WHERE bucket = $1 ORDER BY first DESC", key.bucket())
	})
	return filed, events, err
}
