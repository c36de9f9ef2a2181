package mtls

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// seenList is a revocation list that is in force, or that was the last in force
// of its issuer and scope. It is remembered in the database, which outlives the
// files, the node and, with PostgreSQL, the machine. A list that was once in
// force is replaced only by a newer one.
type seenList struct {
	Issuer string    `json:"issuer"` // SHA-256 of its key
	Scope  string    `json:"scope"`  // SHA-256 of the extension that names one; "" for a list of everything
	Name   string    `json:"name"`   // of the issuer
	Number *big.Int  `json:"number,omitempty"`
	At     time.Time `json:"at"`     // of issue
	Digest string    `json:"digest"` // SHA-256 of what is signed
}

// issuingPoint says which certificates a list covers (RFC 5280, section 5.2.5).
var issuingPoint = asn1.ObjectIdentifier{2, 5, 29, 28}

func newSeenList(list *x509.RevocationList, issuer *x509.Certificate) seenList {
	s := seenList{
		Issuer: keyOf(issuer), Name: issuer.Subject.String(), Number: list.Number, At: list.ThisUpdate, Digest: digest(list.RawTBSRevocationList),
	}
	for _, e := range list.Extensions {
		if e.Id.Equal(issuingPoint) {
			s.Scope = digest(e.Value)
		}
	}
	return s
}

func keyOf(issuer *x509.Certificate) string { return digest(issuer.RawSubjectPublicKeyInfo) }

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sameScope reports whether two lists cover the same certificates.
func (s seenList) sameScope(other seenList) bool {
	return s.Issuer == other.Issuer && s.Scope == other.Scope
}

// older reports whether a list was issued before another of the same issuer.
func (s seenList) older(other seenList) bool {
	if s.Number != nil && other.Number != nil && s.Number.Cmp(other.Number) != 0 {
		return s.Number.Cmp(other.Number) < 0
	}
	return s.At.Before(other.At)
}

// givesWay returns an error if a list that was in force is neither present nor
// replaced by another one of its scope. The replacement must be as new as all the
// lists that were in force with it, because one of two lists cannot be left out in
// favour of the other.
func (s seenList) givesWay(seen, present []seenList) error {
	among := false
	for _, now := range present {
		if !now.sameScope(s) {
			continue
		}
		among = true
		stale := slices.ContainsFunc(seen, func(was seenList) bool {
			return was.sameScope(now) && (was.Digest == now.Digest || now.older(was))
		})
		if now.Digest == s.Digest || !stale {
			return nil
		}
	}
	if !among {
		return fmt.Errorf("client-crl: it no longer has the list of %s, which had one", s.Name)
	}
	return fmt.Errorf("client-crl: the lists of %s are older than the list in force, of %s, or leave it out", s.Name, s.At.UTC().Format(time.RFC3339))
}

// followed returns the lists to remember: the present ones, and those of issuers
// that are gone and may return.
func followed(seen, present []seenList) []seenList {
	kept := slices.Clone(present)
	for _, s := range seen {
		if !slices.ContainsFunc(present, s.sameScope) {
			kept = append(kept, s)
		}
	}
	return kept
}

// Memory keeps values by their names across restarts.
type Memory interface {
	// PutWitness keeps a value under a name, replacing an earlier value.
	PutWitness(ctx context.Context, name string, value []byte) error
	// Witness returns what PutWitness kept; nil if there is nothing.
	Witness(ctx context.Context, name string) ([]byte, error)
}

func listsName(listener string) string { return "revocation lists of " + listener }

// recall reads what is remembered about a listener.
func recall(ctx context.Context, m Memory, listener string) (seen []seenList, err error) {
	if m == nil {
		return nil, nil
	}
	value, err := m.Witness(ctx, listsName(listener))
	if err != nil || value == nil {
		return nil, err
	}
	if err := json.Unmarshal(value, &seen); err != nil {
		return nil, fmt.Errorf("the revocation lists that the database remembers: %w", err)
	}
	return seen, nil
}

func remember(ctx context.Context, m Memory, listener string, seen []seenList) error {
	if m == nil {
		return nil
	}
	value, err := json.Marshal(seen)
	if err != nil {
		return err
	}
	return m.PutWitness(ctx, listsName(listener), value)
}
