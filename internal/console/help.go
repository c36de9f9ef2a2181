package console

import "nems/internal/operator"

// help says where things are.
func (c *Console) help() page {
	return page{path: "help", title: "Help", role: operator.Viewer, file: "help.html", read: func(*visit) (any, error) { return struct{}{}, nil }}
}
