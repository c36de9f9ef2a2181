package operator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// AuditVerified is what verifying the audit's chain has shown.
type AuditVerified struct {
	Sound bool `json:"sound" jsonschema:"nothing wrong was found"`
	// Whole is false when the audit was longer than is checked in one go.
	Whole   bool      `json:"whole"`
	Text    string    `json:"text"` // all that in words
	Entries int       `json:"entries"`
	Links   int       `json:"links"`
	Chains  int       `json:"chains"`
	Checked time.Time `json:"checked,omitzero" jsonschema:"the moment of the last link that was checked"`
	// Vouched is the moment up to which a signed checkpoint vouches; zero for none.
	Vouched  time.Time `json:"vouched,omitzero" jsonschema:"up to this moment a signed checkpoint vouches that nothing was changed, removed, reordered or inserted"`
	Beyond   int       `json:"beyond,omitempty" jsonschema:"how many entries no checkpoint vouches for"`
	Problems []string  `json:"problems,omitempty" jsonschema:"at most 100"`
}

// How much is checked in one go: about as much as a processor does in some ten
// seconds. The command nems audit verify has no limit.
const verifyTime = 25 * time.Second

var mostVerified = 3_000_000 // entries; tests have less patience

// errEnough ends the verification of an audit that is too long.
var errEnough = errors.New("that is enough")

// verifying has an element while somebody verifies: that takes a processor.
var verifying = make(chan struct{}, 1)

// verifyAudit recomputes the chain and holds it against the last signed checkpoint,
// as nems audit verify does with all checkpoints. That somebody does is recorded.
func (d Desk) verifyAudit(ctx context.Context, _ None) (out AuditVerified, err error) {
	select {
	case verifying <- struct{}{}:
		defer func() { <-verifying }()
	default:
		return out, &Error{Code: TooMany, Message: "somebody is verifying the audit at this moment: try again"}
	}
	d.Store.Record(d.entry(audit.ActionVerifyAudit, ""))
	// It is read first, because the audit grows meanwhile.
	var checkpoints []audit.Checkpoint
	if d.Signed != nil {
		last, err := d.Signed()
		if err != nil {
			return out, err
		}
		if !last.At.IsZero() {
			checkpoints = append(checkpoints, last)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, verifyTime)
	defer cancel()
	report, err := audit.Verify(d.someLinks(ctx, &out.Checked), checkpoints)
	if err != nil && !errors.Is(err, errEnough) {
		return out, err
	}
	out.Whole = err == nil
	out.Sound, out.Entries, out.Links, out.Chains = report.Found == 0, report.Entries, report.Links, report.Chains
	out.Vouched, out.Beyond = report.Vouched, report.Beyond.Entries
	for _, p := range report.Problems {
		out.Problems = append(out.Problems, p.String())
	}
	out.Text = out.told(report.Found)
	return out, nil
}

// someLinks yields the links of the audit as of now, as many as are verified in one
// go, and says of when the last one is.
func (d Desk) someLinks(ctx context.Context, checked *time.Time) iter.Seq2[audit.Link, error] {
	return func(yield func(audit.Link, error) bool) {
		left, err := d.Store.AuditSpan(ctx, time.Time{}, time.Time{})
		for seen := 0; err == nil; {
			var links []store.AuditLink
			links, err = d.Store.AuditLinks(ctx, left, false, mostLinks)
			for _, l := range links {
				if seen >= mostVerified {
					err = errEnough
					break
				}
				left, *checked = left.Behind(l, false), l.At
				if !yield(l.Link, nil) {
					return
				}
				_ = l.Patients(func(int, []byte) { seen++ })
			}
			if err == nil && len(links) < mostLinks {
				return
			}
		}
		if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			err = errEnough
		}
		yield(audit.Link{}, err)
	}
}

func (v *AuditVerified) told(found int) string {
	switch {
	case found > 0:
		return fmt.Sprintf("Something is wrong: %s. Entries were changed, removed, reordered or inserted, and nothing is vouched for.", numbered(found, "finding"))
	case v.Links == 0:
		return "The audit is empty."
	case !v.Whole:
		return fmt.Sprintf("The first %s, up to %s, are linked without a gap. The audit is longer than is checked here: the command nems audit verify checks all of it.", numbered(v.Entries, "entry"), moment(v.Checked))
	case v.Vouched.IsZero():
		return fmt.Sprintf("All entries up to %s are linked without a gap. No signed checkpoint is at hand, so a person who can write to the database can have rewritten all of it, or cut off its end.", moment(v.Checked))
	case v.Beyond > 0:
		return fmt.Sprintf("Nothing was changed, removed or reordered up to %s, the last signed checkpoint. After that, %s: linked without a gap, but not signed yet.", moment(v.Vouched), numbered(v.Beyond, "entry"))
	}
	return fmt.Sprintf("Nothing was changed, removed or reordered up to %s, the last signed checkpoint.", moment(v.Vouched))
}
