package node

import "nems/internal/broker"

// records keeps patients' records, unless a PDS elsewhere does.
func (n *node) records() broker.RecordKeeper {
	if n.PDS.URL != "" {
		return nil
	}
	return n.db
}
