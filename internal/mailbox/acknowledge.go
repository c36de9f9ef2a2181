package mailbox

import (
	"errors"
	"net/http"

	"nems/internal/mesh"
	"nems/internal/store"
)

// acknowledge removes a message from the inbox. Acknowledging it again, or
// acknowledging an expired message, gets the same answer, as in the sandbox.
func (c *call) acknowledge() error {
	position, row, err := mesh.ParseMessageID(c.args[0])
	if err != nil {
		return mesh.NoSuchMessage
	}
	c.object = mesh.FormatMessageID(position, row)
	if row != c.box.Row {
		return c.notMine(row, store.EventID(position))
	}
	err = c.did(c.Boxes.Acknowledge(c.r.Context(), row, store.EventID(position), c.Now(), c.with(http.StatusOK)))
	if errors.Is(err, store.ErrNotFound) {
		return mesh.NoSuchMessage
	}
	if err != nil {
		return err
	}
	if c.version == mesh.V2 {
		return c.empty()
	}
	return c.json(http.StatusOK, map[string]string{"messageId": mesh.FormatMessageID(position, row)})
}

// notMine refuses a message that is not in the caller's mailbox: 403 if it is
// in another one, as MESH does, 404 if it is in none.
func (c *call) notMine(row int64, position store.EventID) error {
	m, err := c.Boxes.Message(c.r.Context(), row, position)
	if errors.Is(err, store.ErrNotFound) {
		return mesh.NoSuchMessage
	}
	if err != nil {
		return err
	}
	c.concerns(m)
	return mesh.Forbidden
}

// message finds a message by its id, in any mailbox.
func (c *call) message(id string) (store.Message, error) {
	position, row, err := mesh.ParseMessageID(id)
	if err != nil {
		return store.Message{}, mesh.NoSuchMessage
	}
	c.object = mesh.FormatMessageID(position, row)
	m, err := c.Boxes.Message(c.r.Context(), row, store.EventID(position))
	if errors.Is(err, store.ErrNotFound) {
		return store.Message{}, mesh.NoSuchMessage
	}
	if err == nil {
		c.concerns(m)
	}
	return m, err
}
