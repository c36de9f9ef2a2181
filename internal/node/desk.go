package node

import (
	"net"

	"nems/internal/audit"
	"nems/internal/datafolder"
	"nems/internal/operator"
)

// desk returns a desk that does operators' work for callers with these roles.
func (n *node) desk(roles ...operator.Role) operator.Desk {
	desk := operator.Desk{Store: registering{n.db, n.registry, n.changed}, Types: n.types.now, Now: n.Now, Quotas: new(n.Quotas.limits()), Kept: n.kept(), Check: n.broker.Check, MayHave: n.broker.MayHave, MayReplay: n.broker.MayReplay, NoteShortfalls: n.obedience.flush, Filtered: n.broker.Filtered, Organisations: n.directory,
		Patients: n.patients, Postcodes: n.directory, Contents: n.directory.Has, Signed: n.signed(),
		Concerns: n.concerns, Notices: n.notices, CursorKey: n.searchKey, Records: n.broker, Channels: n.channels(), Caller: operator.Caller{Roles: roles}}
	if n.Dev {
		desk.Clock = n.dev
		desk.Publish, desk.Subscribe = n.publishAs, n.subscribeAs
	}
	return desk
}

// signed tells of the last checkpoint that this node knows.
func (n *node) signed() func() (audit.Checkpoint, error) {
	return func() (audit.Checkpoint, error) {
		if n.checkpoints == nil {
			return audit.Checkpoint{}, nil
		}
		n.signing.Lock()
		defer n.signing.Unlock()
		return n.checkpoints.Last, nil
	}
}

// announce records for commands on this machine the address of the operators'
// API and its token. Without an operations listener there is none.
func (n *node) announce() error {
	for _, e := range n.endpoints {
		if e.name == "operations" || e.name == "dev" {
			return operator.WriteAccess(n.Data, operator.Access{URL: e.local(), Token: n.OperatorToken, Shared: datafolder.IsPostgres(n.Database)})
		}
	}
	return operator.EndAccess(n.Data, datafolder.IsPostgres(n.Database))
}

// local returns the address by which this machine reaches the endpoint.
func (e *endpoint) local() string {
	host, port, err := net.SplitHostPort(e.socket.Addr().String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return e.scheme + "://" + net.JoinHostPort("localhost", port)
	}
	return e.address()
}
