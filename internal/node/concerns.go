package node

import (
	"context"
	"fmt"
	"time"

	"nems/internal/operator"
)

// expiresSoon is how long before a certificate expires people are told.
const expiresSoon = 30 * 24 * time.Hour

// concerns are what this node alone knows that a person should look at: certificates
// and its directory.
func (n *node) concerns(ctx context.Context) (out []operator.Concern, err error) {
	for _, e := range n.tls.Expiring(n.machine().Add(expiresSoon)) {
		text := fmt.Sprintf("The listener %s: %s until %s.", e.Listener, e.What, e.At.UTC().Format("2 Jan 2006 15:04"))
		if e.At.Before(n.machine()) {
			text = fmt.Sprintf("The listener %s: %s only until %s, which is over.", e.Listener, e.What, e.At.UTC().Format("2 Jan 2006 15:04"))
		}
		out = append(out, operator.Concern{Kind: operator.ConcernCertificate, Text: text, Page: "help"})
	}
	has, err := n.directory.Has(ctx)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		there      bool
		what, file string
	}{
		{has.Patients || n.PDS.URL != "", "patients: every event about one is refused", "patients"},
		{has.Organisations, "organisations: no subscription by place can be created", "organisations"},
		{has.Postcodes, "postcodes: no event finds a subscription by postcode", "postcodes"},
	} {
		if !part.there {
			out = append(out, operator.Concern{Kind: operator.ConcernDirectory, Text: fmt.Sprintf("The directory has no %s. nems import %s FILE fills it.", part.what, part.file), Page: "help"})
		}
	}
	return out, nil
}
