package mailbox

// Reason says why a caller was refused, for metrics and the log. It is one of
// the constants below. It may say more than the answer, which must not help
// anybody to guess.
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

// turnAway reports a caller that was refused. The mailbox is named only if it
// exists, because otherwise its name is whatever the caller wrote.
func (c *call) turnAway(why Reason) {
	if c.TurnedAway != nil {
		c.TurnedAway(c.r, c.asked.ID, why)
	}
}
