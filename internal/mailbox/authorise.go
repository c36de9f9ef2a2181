package mailbox

import (
	"errors"

	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/store"
)

// authorise finds the mailbox of the path if the request's token opens it. A
// mailbox that does not exist is refused like a wrong password, after the same
// work, so that nobody learns which mailboxes there are. The nonce is recorded
// last: a token whose hash is wrong must not use up another's.
func (c *call) authorise(id string) (store.Mailbox, error) {
	box, err := c.Boxes.Mailbox(c.r.Context(), id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Mailbox{}, err
	}
	c.asked = box
	known := err == nil && !box.Remote && box.Password != ""
	token, err := mesh.ParseToken(c.r.Header.Get("Authorization"))
	if err != nil {
		return store.Mailbox{}, mesh.UnreadableToken
	}
	if !nhs.SameID(token.Mailbox, id) {
		return store.Mailbox{}, mesh.InvalidFrom
	}
	now := c.Now()
	if err := token.Verify(c.SharedKey, box.Password, now); err != nil || !known {
		return store.Mailbox{}, mesh.InvalidToken
	}
	if c.Allowed != nil && !c.Allowed(c.r, box) {
		return store.Mailbox{}, mesh.InvalidToken
	}
	fresh, err := c.Boxes.UseNonce(c.r.Context(), token.Digest(), now)
	if err != nil {
		return store.Mailbox{}, err
	}
	if !fresh {
		return store.Mailbox{}, mesh.UsedToken
	}
	return box, nil
}
