package node

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/store"
)

// shortestRetention leaves people time to find out what became of an event.
const shortestRetention = time.Hour

// retentionTypes reads the rules of event types, by code.
func (c *Config) retentionTypes() (out []store.TypeRetention, err error) {
	for _, text := range c.RetentionTypes {
		code, kept, _ := strings.Cut(text, "=")
		rule := store.TypeRetention{Code: strings.TrimSpace(code)}
		rule.Kept, err = parseAge(strings.TrimSpace(kept))
		if err != nil || rule.Code == "" {
			return nil, fmt.Errorf("retention-types: expected an event type and a time such as vaccinations-1=7d or nipe-outcome-1=36h; received %q", text)
		}
		if rule.Kept < shortestRetention || rule.Kept > c.Retention {
			return nil, fmt.Errorf("retention-types: %s: expected 1h to %s, which is retention; received %s", rule.Code, c.Retention, rule.Kept)
		}
		if slices.ContainsFunc(out, func(t store.TypeRetention) bool { return t.Code == rule.Code }) {
			return nil, fmt.Errorf("retention-types: %s has two rules; expected one", rule.Code)
		}
		out = append(out, rule)
	}
	slices.SortFunc(out, func(a, b store.TypeRetention) int { return strings.Compare(a.Code, b.Code) })
	return out, nil
}

// kept is how long events are kept.
func (n *node) kept() *store.RetentionRules {
	types, _ := n.retentionTypes() // read before, when the database was opened
	return &store.RetentionRules{General: n.Retention, Types: types}
}

// parseAge reads a time as Go writes it, or in days: 7d.
func parseAge(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err //nolint:gosec // 16 bits
	}
	return time.ParseDuration(text)
}

// checkRetentionTypes refuses rules of event types that there are not: a misspelt one
// would keep for too long what somebody promised to remove.
func (n *node) checkRetentionTypes(known func(code string) bool) error {
	rules, err := n.retentionTypes()
	for _, r := range rules {
		if !known(r.Code) {
			return fmt.Errorf("retention-types: there is no event type %s", r.Code)
		}
	}
	return err
}
