package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"nems/client"
	"nems/client/signed"
	"nems/internal/node/nodetest"
)

// TestBatchAndSearch makes many subscriptions with one call, finds them a page at a
// time, and deletes some with the next.
func TestBatchAndSearch(t *testing.T) {
	s := nodetest.Boot(t)
	leeds, ctx := s.Leeds(), t.Context()
	var changes []client.Change
	for _, event := range []string{"vaccinations-1", "nipe-outcome-1", "newborn-hearing-1"} {
		changes = append(changes, client.Change{Create: client.Subscription{Criteria: client.Explicit(nodetest.Jack).Event(event).Search(), Mailbox: nodetest.LeedsBox, Reason: "A test & more"}})
	}
	changes = append(changes, changes[0]) // an equal one
	made, err := leeds.Batch(ctx, changes)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range made[:3] {
		if r.Err != nil || len(r.ID) != 32 {
			t.Fatalf("change %d: id %q, %v", i, r.ID, r.Err)
		}
	}
	var refused *client.Error
	if !errors.As(made[3].Err, &refused) || refused.Status != 422 || !strings.Contains(refused.Error(), made[0].ID) {
		t.Errorf("an equal subscription: expected a refusal with the id of the first; received %v", made[3].Err)
	}
	find := func(q client.Query) (ids []string) {
		for found, err := range leeds.Subscriptions(ctx, q) {
			if err != nil {
				t.Fatal(err)
			}
			if found.Mailbox != nodetest.LeedsBox || found.Reason != "A test & more" {
				t.Errorf("found %+v", found.ID)
			}
			ids = append(ids, found.ID)
		}
		return ids
	}
	want := []string{made[0].ID, made[1].ID, made[2].ID}
	slices.Sort(want)
	got := find(client.Query{Patients: []string{nodetest.Jack}, Page: 1})
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("expected %v; found %v", want, got)
	}
	if got := find(client.Query{Events: []string{"nipe-outcome-1"}, Statuses: []string{"active"}}); !slices.Equal(got, []string{made[1].ID}) {
		t.Errorf("by event: found %v", got)
	}
	gone, err := leeds.Batch(ctx, []client.Change{{Delete: made[1].ID}, {Delete: strings.Repeat("0", 32)}})
	if err != nil || gone[0].Err != nil || gone[0].ID != made[1].ID || gone[1].Err == nil {
		t.Errorf("deleting: %v, %v", gone, err)
	}
	if got := find(client.Query{Mailboxes: []string{nodetest.LeedsBox}}); len(got) != 2 {
		t.Errorf("after deleting one of three: found %d", len(got))
	}
	for _, err := range leeds.Subscriptions(ctx, client.Query{Statuses: []string{"asleep"}}) {
		if !errors.As(err, &refused) || refused.Status != 400 {
			t.Errorf("an unknown status: %v", err)
		}
	}
}

// What is signed is the token that would be sent unsigned.
func TestSigned(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.With(key, "k1")([]byte(`{"iss":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := parsed.Verify(key.Public())
	if err != nil || string(claims) != `{"iss":"x"}` || parsed.Signatures[0].Header.KeyID != "k1" {
		t.Errorf("claims %s, key %q, %v", claims, parsed.Signatures[0].Header.KeyID, err)
	}
	if _, err := signed.With("a text", "")(nil); err == nil {
		t.Error("a key that is none signs")
	}
	s := nodetest.Boot(t)
	publisher := s.Publisher()
	publisher.Sign = func([]byte) (string, error) { return "", fmt.Errorf("the key is away") }
	if _, err := publisher.Publish(t.Context(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)); err == nil || err.Error() != "the key is away" {
		t.Errorf("a signature that fails: %v", err)
	}
}
