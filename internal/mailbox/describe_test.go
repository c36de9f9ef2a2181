package mailbox_test

import (
	"fmt"
	"strings"
	"testing"

	"nems/internal/mesh"
	"nems/internal/store"
)

// However many subscriptions a copy has, a client can read its header: pairs
// beyond the limit are left out whole.
func TestLongPartnerID(t *testing.T) {
	fx := newFixture(t)
	pair := func(n int) string { return fmt.Sprintf("%032d|%s", n, strings.Repeat("t", 100)) }
	var pairs []string
	for n := range 3000 {
		pairs = append(pairs, pair(n))
	}
	box, err := fx.boxes.Mailbox(t.Context(), "BOB")
	if err != nil {
		t.Fatal(err)
	}
	m := store.Message{
		Position: fx.boxes.NextPosition(), Mailbox: box.Row, Sender: "ALICE", Recipient: "BOB", Workflow: "W", Type: store.Data,
		Status: store.Waiting, StatusAt: testStart, PartnerID: strings.Join(pairs, "~~~"), Chunks: 1, Size: 1, Expires: testStart.AddDate(0, 0, 5),
	}
	if err := fx.boxes.Send(t.Context(), m, []byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	client := fx.client("BOB")
	in, err := client.List(t.Context(), mesh.ListQuery{})
	if err != nil || len(in.Messages) != 1 {
		t.Fatal(in, err)
	}
	h, err := client.Head(t.Context(), in.Messages[0])
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(h.PartnerID, "~~~")
	if len(got) < 1500 || len(got) == len(pairs) {
		t.Errorf("%d pairs", len(got))
	}
	for n, p := range got {
		if p != pair(n) {
			t.Fatalf("pair %d: %q", n, p)
		}
	}
}
