package operator

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

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

// Systems returns all registrations, revoked ones too, in the order of their
// ASIDs. One that cannot be read is an error.
func (d Desk) Systems(ctx context.Context) ([]spine.Registration, error) {
	rows, err := d.Store.Systems(ctx)
	if err != nil {
		return nil, err
	}
	systems := make([]spine.Registration, 0, len(rows))
	for _, row := range rows {
		s, err := DecodeSystem(row)
		if err != nil {
			return nil, err
		}
		systems = append(systems, s)
	}
	return systems, nil
}

// System returns one registration; store.ErrNotFound when there is none.
func (d Desk) System(ctx context.Context, asid nhs.ASID) (spine.Registration, error) {
	row, err := d.Store.System(ctx, asid)
	if err != nil {
		return spine.Registration{}, named(err, "system", string(asid))
	}
	return DecodeSystem(row)
}

// PutSystems registers systems, replacing the registrations of those that have
// one; a revoked one is reinstated. All are checked before the first is kept:
// ErrInvalid. They are in force on every node within a second.
func (d Desk) PutSystems(ctx context.Context, systems []spine.Registration) error {
	rows := make([]store.System, len(systems))
	for i, s := range systems {
		if err := s.Validate(); err != nil {
			return invalid("system %d (%s): %s", i+1, s.ASID, err)
		}
		var err error
		if rows[i], err = EncodeSystem(s); err != nil {
			return err
		}
	}
	for i, row := range rows {
		entry := d.entry(audit.ActionPutSystem, digest(string(row.ASID), row.Value))
		entry.ASID, entry.ODS = row.ASID, systems[i].ODSCodes[0]
		if err := d.Store.PutSystem(ctx, row, entry); err != nil {
			return fmt.Errorf("system %s, after %d of %d: %w", row.ASID, i, len(rows), err)
		}
	}
	return nil
}

// RevokeSystem takes a system's rights away, on every node within a second;
// store.ErrNotFound when it is not registered.
func (d Desk) RevokeSystem(ctx context.Context, asid nhs.ASID) error {
	entry := d.entry(audit.ActionRevokeSystem, string(asid))
	entry.ASID = asid
	return named(d.Store.RevokeSystem(ctx, asid, entry), "system", string(asid))
}

// digest names what was put, so that the audit binds its content.
func digest(name string, value []byte) string {
	return fmt.Sprintf("%s sha256:%x", name, sha256.Sum256(value))
}

// named says what it was that is not there.
func named(err error, kind, name string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return err
}
