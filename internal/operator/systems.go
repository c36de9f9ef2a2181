package operator

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/spine"
	"nems/internal/store"
)

// EncodeSystem returns a registration as a store keeps it.
func EncodeSystem(s spine.Registration) (store.System, error) {
	value, err := json.Marshal(s)
	if err != nil {
		return store.System{}, fmt.Errorf("system %s: %w", s.ASID, err)
	}
	return store.System{ASID: s.ASID, Value: value, Revoked: s.Revoked}, nil
}

// DecodeSystem reads what EncodeSystem wrote.
func DecodeSystem(row store.System) (spine.Registration, error) {
	var s spine.Registration
	if err := json.Unmarshal(row.Value, &s); err != nil {
		return spine.Registration{}, fmt.Errorf("the registration of system %s cannot be read: %w", row.ASID, err)
	}
	s.Revoked = s.Revoked || row.Revoked
	return s, nil
}

// systems lists the registrations, revoked ones too, in the order of their ASIDs.
// One that cannot be read is an error.
func (d Desk) systems(ctx context.Context, p Paging) (none Page[spine.Registration], err error) {
	l, err := list[nhs.ASID](d, "systems", nil, p)
	if err != nil {
		return none, err
	}
	rows, err := d.Store.SystemsAfter(ctx, l.after, l.limit+1)
	if err != nil {
		return none, err
	}
	found, err := page(l, rows, func(s store.System) nhs.ASID { return s.ASID })
	return shown(found, err, DecodeSystem)
}

// SystemRef names a registered system.
type SystemRef struct {
	ASID nhs.ASID `path:"asid"`
}

// system returns one registration; NotFound when there is none.
func (d Desk) system(ctx context.Context, ref SystemRef) (spine.Registration, error) {
	row, err := d.Store.System(ctx, ref.ASID)
	if err != nil {
		return spine.Registration{}, named(err, "system", string(ref.ASID))
	}
	return DecodeSystem(row)
}

// putSystems registers systems, replacing the registrations of those that have
// one; a revoked one is reinstated. All are checked before the first is kept:
// Invalid. They are in force on every node within a second.
func (d Desk) putSystems(ctx context.Context, systems []spine.Registration) (none None, err error) {
	rows := make([]store.System, len(systems))
	for i, s := range systems {
		if err := s.Validate(); err != nil {
			return none, invalid(element(i, ""), "system %d (%s): %s", i+1, s.ASID, err)
		}
		if rows[i], err = EncodeSystem(s); err != nil {
			return none, err
		}
	}
	for i, row := range rows {
		entry := d.entry(audit.ActionPutSystem, digest(string(row.ASID), row.Value))
		entry.ASID, entry.ODS = row.ASID, systems[i].ODSCodes[0]
		if err := d.Store.PutSystem(ctx, row, entry); err != nil {
			return none, fmt.Errorf("system %s, after %d of %d: %w", row.ASID, i, len(rows), err)
		}
	}
	return none, nil
}

// revokeSystem takes a system's rights away, on every node within a second;
// NotFound when it is not registered.
func (d Desk) revokeSystem(ctx context.Context, ref SystemRef) (None, error) {
	entry := d.entry(audit.ActionRevokeSystem, string(ref.ASID))
	entry.ASID = ref.ASID
	return None{}, named(d.Store.RevokeSystem(ctx, ref.ASID, entry), "system", string(ref.ASID))
}

// element names a member of the element i of a body that is a list.
func element(i int, member string) string {
	if member != "" {
		member = "." + member
	}
	return "[" + strconv.Itoa(i) + "]" + member
}

// digest names what was put, so that the audit binds its content.
func digest(name string, value []byte) string {
	return fmt.Sprintf("%s sha256:%x", name, sha256.Sum256(value))
}
