package node

import (
	"context"
	"fmt"
	"time"

	"nems/internal/datafolder"
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
	lacks, err := n.lacking(ctx)
	for _, l := range lacks {
		out = append(out, operator.Concern{Kind: operator.ConcernDirectory, Text: l.text(), Page: "help"})
	}
	return out, err
}

// lack is a part of the directory that is empty.
type lack struct{ part, means, how string }

func (l lack) text() string {
	return fmt.Sprintf("The directory has no %s: %s. %s fills it.", l.part, l.means, l.how)
}

// importing is the command that fills a part of the directory.
func importing(part, url string) string {
	if datafolder.IsPostgres(url) {
		return "nems import " + part + " FILE --database URL, once for all nodes,"
	}
	return "nems import " + part + " FILE"
}

// lacking lists the parts of the directory that this node would need and does not have.
func (n *node) lacking(ctx context.Context) (lacks []lack, err error) {
	has, err := n.directory.Has(ctx)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		there bool
		lack
	}{
		{has.Patients || n.PDS.URL != "" || n.UnknownPatients == "accept", lack{part: "patients", means: "every event about one is refused"}},
		{has.Organisations, lack{part: "organisations", means: "no subscription by place can be created"}},
		{has.Postcodes, lack{part: "postcodes", means: "no event finds a subscription by postcode"}},
	} {
		if !part.there {
			part.how = importing(part.part, n.Database)
			lacks = append(lacks, part.lack)
		}
	}
	return lacks, nil
}
