package mailbox

import (
	"errors"

	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/store"
)

// authorise finds the mailbox in the path and reports whether the request's token opens it;
// spend must follow. An unknown mailbox is refused like a wrong password, after the same work,
// so that nobody learns which mailboxes exist.
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
	switch err := token.Verify(c.SharedKey, box.Password, c.TokenTime()); {
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

// spend uses the token up, because a token is valid for one request. It comes
// last: a token with a wrong hash must not use up somebody else's, and a
// request that got no place may be sent again unchanged.
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
