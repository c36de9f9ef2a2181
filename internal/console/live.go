package console

import (
	"nems/internal/operator"
)

const latest = 20

// live shows what comes in and what waits.
func (c *Console) live() page {
	return page{title: "Live", role: operator.Viewer, file: "live.html", read: func(v *visit) (any, error) {
		overview, err := c.glance.look(v)
		if err != nil {
			return nil, err
		}
		return overview, nil
	}}
}
