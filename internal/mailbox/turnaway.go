package mailbox

// Reason is why somebody was turned away, for figures and log: one of those
// below. It may say more than the answer, which must not help to guess.
type Reason string

// The reasons.
const (
	UnreadableToken    Reason = "unreadable token"
	ForeignToken       Reason = "token of another mailbox"
	UnknownMailbox     Reason = "unknown mailbox"
	WrongToken         Reason = "wrong token"
	TokenTime          Reason = "time of token"
	ForeignCertificate Reason = "certificate not of the mailbox"
	UsedToken          Reason = "used token"
	Crowded            Reason = "too many requests"
	SlowBody           Reason = "slow body"
	SlowTaker          Reason = "answer not taken"
)

// turnAway tells of a caller that was turned away. The mailbox is named where
// there is one: what else the path says is the caller's.
func (c *call) turnAway(why Reason) {
	if c.TurnedAway != nil {
		c.TurnedAway(c.r, c.asked.ID, why)
	}
}
