package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// MaxBatch is the largest number of entries in a batch.
const MaxBatch = 1000

// batchCommit is how many entries share a commit. It occupies the store's
// single writer: larger groups would delay publishers, smaller ones would need
// more commits.
const batchCommit = 250

// Step is the outcome of one entry of a batch.
type Step struct {
	// Action is ActionSubscribe or ActionDelete, or ActionBatch for an entry
	// that requests neither.
	Action audit.Action
	// Subscription is the created one, or the deleted one as it was read
	// before.
	Subscription subscription.Subscription
	Notices      []refuse.Issue
	// Err is what Subscribe or Unsubscribe would have returned.
	Err error
}

// batch is a batch being processed. Its broker remembers what entries have in
// common.
type batch struct {
	*Broker
	caller  access.Caller
	at      time.Time
	entries []batchEntry
	steps   []Step
	listed  int // how many issues of refused entries are already listed
}

// Batch creates and deletes many subscriptions (an extension). Every entry is
// checked and answered as if it had come alone. The steps are in the order of
// the entries. Deletions are done before creations, so that an entry can
// replace a subscription that another entry deletes. An error means that
// nothing was done.
func (b *Broker) Batch(ctx context.Context, caller access.Caller, body []byte) ([]Step, error) {
	entries, err := readBatch(body, caller.Body)
	if err != nil {
		return nil, err
	}
	w := batch{Broker: b.remembering(), caller: caller, at: b.Now(), entries: entries, steps: make([]Step, len(entries))}
	var creations, deletions []int
	for i, e := range entries {
		w.steps[i] = Step{Action: e.action, Err: e.refused}
		switch {
		case e.refused != nil:
		case e.action == audit.ActionDelete:
			deletions = append(deletions, i)
		default:
			creations = append(creations, i)
		}
	}
	inGroups(deletions, w.prepareDeletions(ctx), func(group []int) { w.delete(ctx, group) })
	inGroups(creations, w.prepareCreations(ctx), func(group []int) { w.create(ctx, group) })
	return w.steps, nil
}

// inGroups prepares entries and commits in groups those that passed. One group
// is prepared while the previous one is being committed.
func inGroups(entries []int, prepare func(int) bool, commit func([]int)) {
	done := make(chan struct{})
	close(done)
	for group := range slices.Chunk(entries, batchCommit) {
		passed := slices.DeleteFunc(slices.Clone(group), func(i int) bool { return !prepare(i) })
		<-done
		if len(passed) == 0 {
			continue // nothing to commit; done stays closed
		}
		done = make(chan struct{})
		go func(done chan<- struct{}) {
			defer close(done)
			commit(passed)
		}(done)
	}
	<-done
}

// prepareCreations checks one creation after the other.
func (w *batch) prepareCreations(ctx context.Context) func(int) bool {
	refusal := w.caller.May(access.CreateInteraction)
	return func(i int) bool {
		step := &w.steps[i]
		if refusal != nil {
			step.Err = refusal
			return false
		}
		resource, err := readResource(w.entries[i].resource, w.entries[i].findings)
		if err == nil {
			step.Subscription, step.Notices, err = w.draft(ctx, w.caller, resource, w.at)
		}
		step.Err = w.shorten(err)
		return err == nil
	}
}

// maxListed limits the answer to a batch: entries that are refused after that
// many issues list only their first one.
const maxListed = 200

func (w *batch) shorten(err error) error {
	var refusal *refuse.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	w.listed += len(refusal.Issues)
	if more := len(refusal.Issues) - 1; w.listed > maxListed && more > 0 {
		short := *refusal
		short.Issues = []refuse.Issue{refusal.Issues[0], moreIssues(more)}
		return &short
	}
	return err
}

// create commits a group of creations.
func (w *batch) create(ctx context.Context, group []int) {
	all := make([]store.Creation, len(group))
	for n, i := range group {
		s := w.steps[i].Subscription
		all[n] = store.Creation{Subscription: s, Audit: subscribeEntry(w.caller, s)}
	}
	errs, err := w.Journal.SubscribeAll(ctx, all)
	for n, i := range group {
		if err == nil {
			w.steps[i].Err = subscribeRefusal(errs[n])
		} else {
			w.steps[i].Err = err
		}
	}
}

// prepareDeletions checks one deletion after the other.
func (w *batch) prepareDeletions(ctx context.Context) func(int) bool {
	refusal := w.caller.May(access.DeleteInteraction)
	return func(i int) bool {
		step := &w.steps[i]
		if refusal != nil {
			step.Err = refusal
			return false
		}
		if step.Err = ctx.Err(); step.Err != nil {
			return false
		}
		step.Subscription, step.Err = w.Read(ctx, w.caller, w.entries[i].id)
		return step.Err == nil
	}
}

// delete commits a group of deletions.
func (w *batch) delete(ctx context.Context, group []int) {
	all := make([]store.Deletion, len(group))
	for n, i := range group {
		s := w.steps[i].Subscription
		all[n] = store.Deletion{ID: s.ID, Audit: w.deleteEntry(w.caller, s)}
	}
	errs, err := w.Journal.DeleteAll(ctx, all)
	for n, i := range group {
		if err == nil {
			w.steps[i].Err = deleteRefusal(errs[n])
		} else {
			w.steps[i].Err = err
		}
	}
}

// remembering returns a broker that looks each mailbox up once, because the
// entries of a batch usually share one. It is for one goroutine.
func (b *Broker) remembering() *Broker {
	c := *b
	c.Mailboxes = remembered{b.Mailboxes, map[string]store.Mailbox{}}
	return &c
}

// remembered keeps the mailboxes that were found.
type remembered struct {
	Mailboxes
	found map[string]store.Mailbox
}

func (r remembered) Mailbox(ctx context.Context, id string) (store.Mailbox, error) {
	if m, ok := r.found[id]; ok {
		return m, nil
	}
	m, err := r.Mailboxes.Mailbox(ctx, id)
	if err == nil {
		r.found[id] = m
	}
	return m, err
}
