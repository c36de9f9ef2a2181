package node

import (
	"testing"
	"time"

	"nems/internal/store"
)

func TestRetentionTypes(t *testing.T) {
	c := Config{Retention: 30 * 24 * time.Hour, RetentionTypes: []string{"vaccinations-1=7d", " nipe-outcome-1 = 36h"}}
	rules, err := c.retentionTypes()
	if err != nil || len(rules) != 2 || rules[0] != (store.TypeRetention{Code: "nipe-outcome-1", Kept: 36 * time.Hour}) || rules[1].Kept != 7*24*time.Hour {
		t.Errorf("%+v, %v", rules, err)
	}
	for _, wrong := range []string{"vaccinations-1", "vaccinations-1=", "=7d", "vaccinations-1=-1h", "vaccinations-1=30m", "vaccinations-1=31d", "vaccinations-1=7 days"} {
		c.RetentionTypes = []string{wrong}
		if rules, err := c.retentionTypes(); err == nil {
			t.Errorf("%s: %+v", wrong, rules)
		}
	}
	c.RetentionTypes = []string{"a-1=7d", "a-1=8d"}
	if _, err := c.retentionTypes(); err == nil {
		t.Error("two rules of one type")
	}
	n := &node{Config: Config{Retention: c.Retention, RetentionTypes: []string{"vacinations-1=7d"}}}
	if err := n.checkRetentionTypes(func(string) bool { return false }); err == nil {
		t.Error("a type that there is not")
	}
}
