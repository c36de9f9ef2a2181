package operator_test

import (
	"errors"
	"fmt"
	"testing"

	"nems/internal/audit"
	"nems/internal/operator"
	"nems/internal/store/storetest"
)

// Making a message and previewing a subscription tell something of a patient: they
// are no way around the role and the record that a look-up needs.
func TestPatientsAreLookedUpByGovernanceAlone(t *testing.T) {
	desk, ctx := newDesk(t), t.Context()
	compose := operator.Composition{EventType: "vaccinations-1", Patient: "9912003888"}
	preview := operator.Wish{Patient: "9912003888", Events: []string{"vaccinations-1"}}
	desk.Roles = []operator.Role{operator.Viewer, operator.Operator}
	if _, err := operator.ComposeMessage.Do(ctx, desk, compose); !errors.Is(err, operator.Forbidden) {
		t.Errorf("compose: %v", err)
	}
	if _, err := operator.PreviewSubscription.Do(ctx, desk, preview); !errors.Is(err, operator.Forbidden) {
		t.Errorf("preview: %v", err)
	}
	if _, err := operator.ComposeMessage.Do(ctx, desk, operator.Composition{EventType: "vaccinations-1"}); err != nil {
		t.Errorf("about nobody of the directory: %v", err)
	}
	desk.Roles = operator.AllRoles
	if _, err := operator.PreviewSubscription.Do(ctx, desk, preview); err != nil {
		t.Error(err)
	}
	storetest.Eventually(t, "the look-up is recorded", func() bool {
		found, err := operator.SearchAudit.Do(ctx, desk, operator.Matching(operator.Filter{Action: audit.ActionLookUpPatient}))
		return err == nil && len(found.Items) == 1 && found.Items[0].Reason == "to preview a subscription"
	})
}

// outside is what PostgreSQL says of a text that it cannot hold.
type outside struct{}

func (outside) Error() string    { return "ERROR: a detail (SQLSTATE 22021)" }
func (outside) SQLState() string { return "22021" }

// Characters that a database cannot hold are the request's fault, and its words stay here.
func TestImpossibleTextsAreInvalid(t *testing.T) {
	if err := operator.AsError(fmt.Errorf("search: %w", outside{})); err.Code != operator.Invalid || err.Message == outside.Error(outside{}) || err.Retryable() {
		t.Errorf("%+v", err)
	}
}
