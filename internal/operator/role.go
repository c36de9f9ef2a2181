package operator

import (
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Role is what somebody may do at the desk.
type Role string

// The roles: a closed set. None contains another.
const (
	Viewer        Role = "viewer"        // look at what names no patient
	Operator      Role = "operator"      // approve subscriptions, move deliveries
	Governance    Role = "governance"    // read the audit, which names patients
	Administrator Role = "administrator" // register systems and mailboxes, change event types
)

// AllRoles is what the operator token opens, and what a command may do that has
// the database in its hands.
var AllRoles = []Role{Viewer, Operator, Governance, Administrator}

// Caller is who stands at the desk.
type Caller struct {
	// User says who is at work, for the audit: the name of the account that a
	// command runs under, or of who has signed in. Certificate is the name of the
	// client certificate that was shown, "" without one.
	User, Certificate string
	// Proof says how the name was proven: "sign-in:openid", "sign-in:certificate",
	// "sign-in:link". "" says that User is only what somebody claimed. In the audit
	// it stands where calls of systems have their interaction.
	Proof string
	// Request is the id of what they send, for the audit; zero where nothing is sent.
	Request uuid.UUID
	Roles   []Role
}

// may returns a Forbidden error unless the caller has the role.
func (c Caller) may(r Role) error {
	if slices.Contains(c.Roles, r) {
		return nil
	}
	held := make([]string, len(c.Roles))
	for i, has := range c.Roles {
		held[i] = string(has)
	}
	return &Error{Code: Forbidden, Expected: string(r), Received: strings.Join(held, ", "), Message: "this needs the role " + string(r)}
}
