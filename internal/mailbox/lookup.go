package mailbox

import (
	"errors"
	"net/http"
	"strings"

	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/store"
)

type found struct {
	Mailbox string `json:"mailbox_id"`
	Name    string `json:"mailbox_name"`
}

type foundV1 struct {
	Address     string `json:"address"`
	Description string `json:"description"`
	Type        string `json:"endpoint_type"`
}

// lookupEndpoint answers "Look up MESH address": the mailboxes of an
// organisation that are registered to receive a workflow. For a workflow that
// nobody registered there are none.
func (c *call) lookupEndpoint() error {
	ods, workflow := strings.TrimSpace(c.args[0]), strings.TrimSpace(c.args[1])
	if ods == "" || workflow == "" {
		return &mesh.Error{Status: http.StatusBadRequest, Description: "ods code or workflow id missing"}
	}
	w, ok, err := c.Boxes.Restricted(c.r.Context(), workflow)
	if err != nil {
		return err
	}
	var boxes []store.Mailbox
	if code, wrong := nhs.ParseODSCode(ods); ok && wrong == nil {
		boxes, err = c.Boxes.Lookup(c.r.Context(), string(code))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	results := []found{}
	for _, box := range boxes {
		if !box.Remote && among(w.Receivers, box.ID) {
			results = append(results, found{box.ID, box.Name})
		}
	}
	return c.found(results)
}

func (c *call) found(results []found) error {
	if c.version == mesh.V2 {
		return c.json(http.StatusOK, map[string][]found{"results": results})
	}
	old := []foundV1{}
	for _, f := range results {
		old = append(old, foundV1{f.Mailbox, f.Name, "MESH"})
	}
	return c.json(http.StatusOK, map[string]any{"query_id": reference(), "results": old})
}

// searchWorkflow answers "Lookup by workflow", in the same form for both
// versions.
func (c *call) searchWorkflow() error {
	w, _, err := c.Boxes.Restricted(c.r.Context(), strings.TrimSpace(c.args[0]))
	if err != nil {
		return err
	}
	results := []found{}
	for _, id := range w.Receivers {
		box, err := c.Boxes.Mailbox(c.r.Context(), id)
		if errors.Is(err, store.ErrNotFound) || (err == nil && box.Remote) {
			continue
		}
		if err != nil {
			return err
		}
		results = append(results, found{box.ID, box.Name})
	}
	return c.json(http.StatusOK, map[string][]found{"results": results})
}
