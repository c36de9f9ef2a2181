package operator_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/spine"
	"nems/internal/store"
)

// edited is a store in which somebody has edited the audit.
type edited struct {
	operator.Store
	edit func([]store.AuditLink) []store.AuditLink
}

func (e edited) AuditLinks(ctx context.Context, s store.AuditSpan, newest bool, max int) ([]store.AuditLink, error) {
	links, err := e.Store.AuditLinks(ctx, s, newest, max)
	return e.edit(links), err
}

// Verifying says in words what it has shown: with a signed checkpoint, without one,
// and when somebody has changed something.
func TestVerifyingInWords(t *testing.T) {
	d := newDesk(t)
	for _, asid := range []nhs.ASID{"200000000115", "200000000116", "200000000117"} {
		if err := operator.PutSystems.Run(t.Context(), d, []spine.Registration{system(asid)}); err != nil {
			t.Fatal(err)
		}
	}
	heads, err := d.Store.(interface {
		Heads(ctx context.Context) ([]audit.Head, error)
	}).Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	signed := func() (audit.Checkpoint, error) { return audit.Checkpoint{At: now, Heads: heads}, nil }
	for name, c := range map[string]struct {
		signed func() (audit.Checkpoint, error)
		edit   func([]store.AuditLink) []store.AuditLink
		sound  bool
		text   string
	}{
		"without a checkpoint": {nil, nil, true, "are linked without a gap. No signed checkpoint is at hand"},
		"none signed yet":      {func() (audit.Checkpoint, error) { return audit.Checkpoint{}, nil }, nil, true, "No signed checkpoint is at hand"},
		"signed":               {signed, nil, true, "Nothing was changed, removed or reordered up to 2026-03-02 12:00:00 UTC, the last signed checkpoint."},
		"edited": {signed, func(all []store.AuditLink) []store.AuditLink {
			all[1].Entries = all[0].Entries
			return all
		}, false, "Something is wrong: "},
		"removed":     {signed, func(all []store.AuditLink) []store.AuditLink { return append(all[:1:1], all[2:]...) }, false, "Something is wrong: "},
		"the end off": {signed, func(all []store.AuditLink) []store.AuditLink { return all[:2] }, false, "Something is wrong: 2 findings."},
		"all gone":    {signed, func([]store.AuditLink) []store.AuditLink { return nil }, false, "Something is wrong: 1 finding."},
	} {
		d := d
		d.Signed = c.signed
		if c.edit != nil {
			d.Store = edited{d.Store, c.edit}
		}
		v, err := operator.VerifyAudit.Do(t.Context(), d, operator.None{})
		if err != nil || v.Sound != c.sound || !v.Whole || !strings.Contains(v.Text, c.text) || (len(v.Problems) > 0) == c.sound {
			t.Errorf("%s: expected sound %v and %q; received %+v, %v", name, c.sound, c.text, v, err)
		}
		if (name == "signed") != v.Vouched.Equal(now) {
			t.Errorf("%s: vouched up to %v", name, v.Vouched)
		}
	}
	broken := errors.New("the file is gone")
	d.Signed = func() (audit.Checkpoint, error) { return audit.Checkpoint{}, broken }
	if _, err := operator.VerifyAudit.Do(t.Context(), d, operator.None{}); !errors.Is(err, operator.Internal) {
		t.Errorf("checkpoints that cannot be read: %v", err)
	}
}

// Verifying takes a processor, so that one at a time does it.
func TestOneVerifiesAtATime(t *testing.T) {
	d := newDesk(t)
	reached, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := d
	slow.Store = edited{d.Store, func(all []store.AuditLink) []store.AuditLink {
		once.Do(func() { close(reached); <-release })
		return all
	}}
	done := make(chan error)
	go func() {
		_, err := operator.VerifyAudit.Do(t.Context(), slow, operator.None{})
		done <- err
	}()
	<-reached
	if _, err := operator.VerifyAudit.Do(t.Context(), d, operator.None{}); !errors.Is(err, operator.TooMany) {
		t.Errorf("a second one: expected %v; received %v", operator.TooMany, err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := operator.VerifyAudit.Do(t.Context(), d, operator.None{}); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// An audit that takes too long is checked in part, and the answer says so.
func TestVerifyingEnds(t *testing.T) {
	d := newDesk(t)
	t.Cleanup(operator.VerifyAtMost(5000))
	pages := 0
	d.Store = endless{d.Store, &pages}
	v, err := operator.VerifyAudit.Do(t.Context(), d, operator.None{})
	if err != nil || v.Whole || v.Entries != 5000 || !strings.Contains(v.Text, "The audit is longer than is checked here") || !v.Vouched.IsZero() {
		t.Errorf("%+v, %v", v, err)
	}
}

// endless is a store whose audit has no end: big links, one after the other.
type endless struct {
	operator.Store
	pages *int
}

var bigLink = sync.OnceValue(func() []audit.Sealed {
	many := make([]audit.Sealed, 100)
	for i := range many {
		many[i] = audit.Seal(audit.Entry{At: now, Action: audit.ActionRead})
	}
	return many
})

func (e endless) AuditLinks(_ context.Context, _ store.AuditSpan, _ bool, max int) (out []store.AuditLink, err error) {
	chain := audit.NewChain(1, nil)
	if *e.pages++; *e.pages > 1 {
		return nil, errors.New("it reads on behind its limit")
	}
	for i := range max {
		if i > 80 { // more than is checked
			out = append(out, store.AuditLink{ID: int64(i)})
			continue
		}
		l := chain.Next(now.Add(time.Duration(i)*time.Second), bigLink())
		chain.Extend(l)
		out = append(out, store.AuditLink{ID: int64(i), Link: l})
	}
	return out, nil
}
