package signin

import (
	"fmt"
	"slices"
	"strings"

	"nems/internal/operator"
)

// Roles say which names have which roles: names of certificates, or values of a
// claim.
type Roles []grant

type grant struct {
	role operator.Role
	name string
}

// ParseRoles reads pairs ROLE=NAME, separated by commas. A role and a name may be in
// several.
func ParseRoles(text string) (out Roles, err error) {
	for pair := range strings.SplitSeq(text, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		role, name, _ := strings.Cut(pair, "=")
		g := grant{operator.Role(strings.TrimSpace(role)), strings.TrimSpace(name)}
		if !slices.Contains(operator.AllRoles, g.role) || g.name == "" {
			return nil, fmt.Errorf("expected pairs such as viewer=NAME, separated by commas, with the roles viewer, operator, governance and administrator; received %.100q", pair)
		}
		out = append(out, g)
	}
	return out, nil
}

// of lists the roles of somebody who has these names, in the order of AllRoles.
func (m Roles) of(names []string) (out []operator.Role) {
	for _, role := range operator.AllRoles {
		if slices.ContainsFunc(m, func(g grant) bool { return g.role == role && slices.Contains(names, g.name) }) {
			out = append(out, role)
		}
	}
	return out
}
