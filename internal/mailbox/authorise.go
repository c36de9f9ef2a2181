package mailbox

import (
	"errors"

	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/store"
)

// authorise finds the mailbox of the path, and tells whether the request's token
// opens it; spend must follow. A mailbox that does not exist is refused like a wrong password,
// after the same work, so that nobody learns which mailboxes there are.
func (c *call) authorise(id string) (mesh.Token, error) {
	box, err := c.Boxes.Mailbox(c.r.Context(), id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return mesh.Token{}, err
	}
	c.asked = box
	known := err == nil && !box.Remote && box.Password != ""
	token, err := mesh.ParseToken(c.r.Header.Get("Authorization"))
	if err != nil {
		c.turnAway(UnreadableToken)
		return mesh.Token{}, mesh.UnreadableToken
	}
	if !nhs.SameID(token.Mailbox, id) {
		c.turnAway(ForeignToken)
		return mesh.Token{}, mesh.InvalidFrom
	}
	switch err := token.Verify(c.SharedKey, box.Password, c.Now()); {
	case !known:
		c.turnAway(UnknownMailbox)
	case errors.Is(err, mesh.ErrTokenTime):
		c.turnAway(TokenTime)
	case err != nil:
		c.turnAway(WrongToken)
	case c.Allowed != nil && !c.Allowed(c.r, box):
		c.turnAway(ForeignCertificate)
	default:
		return token, nil
	}
	return mesh.Token{}, mesh.InvalidToken
}

// spend uses the token up: it is good for one request. It comes last, since a
// token whose hash is wrong must not use up another's, and a request that found
// no place may come again as it is.
func (c *call) spend(token mesh.Token) error {
	fresh, err := c.Boxes.UseNonce(c.r.Context(), token.Digest(), c.Now())
	if err != nil {
		return err
	}
	if !fresh {
		c.turnAway(UsedToken)
		return mesh.UsedToken
	}
	c.box = c.asked
	return nil
}
