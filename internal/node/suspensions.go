package node

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/controllers"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

const (
	// sweepWitness is the name under which the store keeps how far the sweep has come.
	sweepWitness = "controller-catalogue-sweep"
	// sweepRounds is how often an owner's subscriptions are swept after something has
	// changed: a node that did not know yet may have accepted one behind the first round.
	sweepRounds = 2
	// sweepPage is how many subscriptions a sweep reads at a time, sweepCommit how many
	// it changes in a commit. After each it waits for as long as the commit took.
	sweepPage, sweepCommit = 500, 50
	// sweepTime is how long a round of housekeeping takes at most; the next goes on.
	sweepTime = 50 * time.Second
	// changeTime is how long a change of the catalogue waits for what follows from it.
	changeTime = 5 * time.Second
	// ownersPage is how many owners are listed at a time.
	ownersPage = 500
)

// swept is how far the sweep has come with the subscriptions of one owner.
type swept struct {
	// Print stands for all that decides, the day excepted. It is "" for an owner who
	// may do everything.
	Print string           `json:"print"`
	Day   controllers.Date `json:"day,omitzero"`
	// Rounds counts those that have come to their end, After is where one stands.
	Rounds int    `json:"rounds"`
	After  string `json:"after,omitempty"`
}

// suspensions suspends the subscriptions that the controller catalogue does not permit,
// and puts back those that it permits again.
type suspensions struct {
	*node
	by    *controllers.Catalogue // nil: everything is permitted
	now   time.Time
	boxes map[string][]string // the grants that a mailbox or an endpoint needs
}

func (n *node) newSuspensions() *suspensions {
	s := &suspensions{node: n, now: n.Now(), boxes: map[string][]string{}}
	if mode, rows := n.obedience.Follows(); mode == controllers.Enforce {
		s.by = rows
	}
	return s
}

// sweepSubscriptions sweeps the subscriptions of the owners for whom something has
// changed: their rows, the day, or the mode. It goes on where an earlier round, of this
// node or another, was cut off.
func (n *node) sweepSubscriptions(ctx context.Context) error {
	if err := n.registry.load(ctx); err != nil { // by nothing older than the database
		return err
	}
	all, err := n.sweptSoFar(ctx)
	if err != nil {
		return err
	}
	s := n.newSuspensions()
	if s.by == nil && len(all) == 0 {
		return nil
	}
	owners, err := n.owners(ctx)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	prints, next := s.prints(), map[nhs.ODSCode]swept{}
	for _, owner := range owners {
		at, due := all[owner].due(prints(owner), controllers.DateOf(s.now))
		if due && err == nil && within.Err() == nil { // those that are left keep what is due
			at, err = s.owner(within, owner, at)
		}
		if at != (swept{Rounds: sweepRounds}) { // which is how those begin who were never swept
			next[owner] = at
		}
	}
	if ctx.Err() == nil && within.Err() != nil {
		err = nil // the next round goes on
	}
	value, _ := json.Marshal(next) // texts and numbers: cannot fail
	return errors.Join(err, n.db.PutWitness(context.WithoutCancel(ctx), sweepWitness, value))
}

// due returns where the sweep of an owner begins or goes on, and whether there is
// anything to do.
func (s swept) due(is string, today controllers.Date) (swept, bool) {
	if s == (swept{}) { // never swept: as it was when nothing followed from the catalogue
		s = swept{Rounds: sweepRounds}
	}
	switch {
	case s.Print != is && is == "":
		s = swept{}
	case s.Print != is:
		s = swept{Print: is, Day: today}
	case is != "" && s.Day != today && s.Rounds >= sweepRounds: // endpoints may have changed
		s = swept{Print: is, Day: today, Rounds: sweepRounds - 1}
	}
	return s, s.Rounds < sweepRounds
}

func (n *node) sweptSoFar(ctx context.Context) (all map[nhs.ODSCode]swept, err error) {
	value, err := n.db.Witness(ctx, sweepWitness)
	if err == nil && len(value) > 0 {
		err = json.Unmarshal(value, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("how far the sweep of subscriptions has come: %w", err)
	}
	return all, nil
}

// owners lists all who own subscriptions.
func (n *node) owners(ctx context.Context) (out []nhs.ODSCode, err error) {
	for after := nhs.ODSCode(""); ; after = out[len(out)-1] {
		some, err := n.db.SubscriptionOwners(ctx, after, ownersPage)
		if out = append(out, some...); err != nil || len(some) < ownersPage {
			return out, err
		}
	}
}

// prints returns what stands for all that decides about an owner.
func (s *suspensions) prints() func(nhs.ODSCode) string {
	if s.by == nil {
		return func(nhs.ODSCode) string { return "" }
	}
	of := map[nhs.ODSCode][]byte{}
	for _, r := range s.by.Rows() {
		row, _ := json.Marshal(r) // texts and dates: cannot fail
		of[r.Organisation] = append(append(of[r.Organisation], row...), r.Lacks(s.now)...)
	}
	return func(owner nhs.ODSCode) string {
		sum := sha256.Sum256(of[owner])
		return hex.EncodeToString(sum[:8])
	}
}

// owner sweeps the subscriptions of one owner, from where it stood, and returns where it
// stands.
func (s *suspensions) owner(ctx context.Context, ods nhs.ODSCode, at swept) (swept, error) {
	for {
		after, _ := subscription.ParseID(cmp.Or(at.After, subscription.ID{}.String())) // written here
		found, err := s.db.Subscriptions(ctx, store.SubscriptionQuery{ODS: ods, After: after, Max: sweepPage})
		if err != nil {
			return at, err
		}
		if err := s.apply(ctx, found); err != nil {
			return at, err
		}
		if len(found) < sweepPage {
			at.Rounds, at.After = at.Rounds+1, ""
			return at, nil
		}
		at.After = found[len(found)-1].ID.String()
	}
}

// apply suspends some subscriptions or puts them back, as far as that is due.
func (s *suspensions) apply(ctx context.Context, some []subscription.Subscription) error {
	var due []store.Suspension
	for i := range some {
		one, changes, err := s.judge(ctx, &some[i])
		if err != nil {
			return err
		}
		if changes {
			due = append(due, one)
		}
	}
	for len(due) > 0 {
		part := due[:min(len(due), sweepCommit)]
		due = due[len(part):]
		begun := time.Now()
		changed, err := s.db.SuspendAll(ctx, part)
		if err != nil {
			return err
		}
		s.Log.Info("subscriptions were suspended, or became active again, by the controller catalogue", "subscriptions", changed)
		if len(due) > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Since(begun)):
			}
		}
	}
	return nil
}

// judge says what is due for a subscription, if anything.
func (s *suspensions) judge(ctx context.Context, of *subscription.Subscription) (out store.Suspension, changes bool, err error) {
	if of.Status != subscription.Active && !of.Suspended || len(of.Criteria.Events) == 0 {
		return out, false, nil // it waits or has ended, or cannot be read
	}
	verdict := broker.Verdict{}
	if s.by != nil {
		grants, known := s.boxes[of.Mailbox]
		if !known {
			if grants, err = s.broker.Grants(ctx, of.Mailbox); err != nil {
				return out, false, err
			}
			s.boxes[of.Mailbox] = grants
		}
		verdict = broker.Standing(s.by, of, grants, s.now)
	}
	out = store.Suspension{ID: of.ID, Audit: audit.Entry{
		At: s.now, Action: audit.ActionRestore, Object: of.ID.String(), ASID: of.ASID, ODS: of.ODS, Mailbox: of.Mailbox, Patient: of.Criteria.Patient,
		Reason: "permitted by row " + verdict.Row,
	}}
	switch {
	case verdict.Lacks != "":
		out.Why = "suspended: " + verdict.Lacks
		out.Audit.Action, out.Audit.Reason = audit.ActionSuspend, verdict.Lacks
	case s.by == nil:
		out.Audit.Reason = "the controller catalogue is not enforced"
	}
	return out, out.Why != "" && of.Error != out.Why || out.Why == "" && of.Suspended, nil
}

// changed does what follows from a change of some organisations' rows before whoever
// made it has the answer, as far as that takes no longer than changeTime. The rest is
// housekeeping's, which looks at all of it again.
func (n *node) changed(ctx context.Context, organisations []nhs.ODSCode) {
	s := n.newSuspensions()
	if s.by == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	for _, ods := range organisations {
		if _, err := s.owner(ctx, ods, swept{}); err != nil && ctx.Err() == nil {
			n.Log.Warn("what follows from a change of the controller catalogue is left to housekeeping", "organisation", ods, "error", err)
		}
	}
}
