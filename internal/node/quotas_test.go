package node_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"nems/internal/directory/devworld"
	"nems/internal/mesh"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store/postgres/pgtest"
)

// TestQuotas fills what one system and one mailbox may have, looks as an operator
// does, and makes room again. What NEMS owes to the mailbox comes all the same.
func TestQuotas(t *testing.T) {
	for name, database := range map[string]func() string{
		"sqlite":   func() string { return "" },
		"postgres": func() string { return pgtest.Boot(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			w := quotaWorld{T: t, s: nodetest.Boot(t, func(c *node.Config) {
				c.Database, c.Quotas = database(), node.Quotas{System: 3, Messages: 2, Bytes: 1 << 20}
			})}
			w.subscriptions()
			w.messages()
			w.operators()
		})
	}
}

type quotaWorld struct {
	*testing.T
	s *nodetest.Server
}

func (w *quotaWorld) subscriptions() {
	w.Helper()
	ask := func(tag string) nodetest.Answer {
		return w.s.Send(w.s.SubscribeRequest(nodetest.SubscriptionXML(about(nodetest.Jack)+vaccinations+"&tag="+tag, leeds, "RR8")))
	}
	last := ""
	for _, tag := range []string{"a", "b", "c"} {
		last = w.s.Subscribe(w.s.Leeds(), about(nodetest.Jack)+vaccinations+"&tag="+tag, leeds)
	}
	refused := ask("d")
	if refused.Status != 403 || !bytes.Contains(refused.Body, []byte("ACCESS_DENIED")) || !bytes.Contains(refused.Body, []byte("there are 3 subscriptions of this system")) {
		w.Errorf("a fourth: %d %s", refused.Status, refused.Body)
	}
	if a := ask("c"); a.Status != 422 || !bytes.Contains(a.Body, []byte(last)) {
		w.Errorf("a duplicate: %d %s", a.Status, a.Body)
	}
	if a := w.s.Send(w.s.DeleteRequest(last)); a.Status != 200 {
		w.Errorf("deleted: %d", a.Status)
	}
	if a := ask("d"); a.Status != 201 {
		w.Errorf("after a deletion: %d %s", a.Status, a.Body)
	}
}

func (w *quotaWorld) messages() {
	w.Helper()
	national, err := mesh.NewClient(mesh.ClientConfig{URL: w.s.URL, Mailbox: national, Password: devworld.Password, SharedKey: []byte(devworld.SharedKey), Now: w.s.Clock.Now,
		Transport: w.s.HTTP.Transport})
	if err != nil {
		w.Fatal(err)
	}
	send := func(size int) error {
		_, err := national.Send(context.Background(), mesh.Outgoing{Headers: mesh.Headers{To: leeds, WorkflowID: "W"}, MediaType: "text/plain",
			Size: int64(size), Body: strings.NewReader(strings.Repeat("x", size))})
		return err
	}
	wantFull := func(what string, err error) {
		var refusal *mesh.Error
		if !errors.As(err, &refusal) || refusal.Status != http.StatusInsufficientStorage || refusal.Code != "MailboxFull" || !refusal.Temporary() {
			w.Errorf("%s: %v", what, err)
		}
	}
	if err := send(100); err != nil {
		w.Fatal(err)
	}
	wantFull("more bytes than there is room for", send(1<<20))
	if err := send(1 << 19); err != nil { // nothing was left of what was refused
		w.Fatal(err)
	}
	wantFull("a third message", send(100))
	w.s.Publish(w.s.Publisher(), nodetest.Message(w, "vaccinations-1", "new", nodetest.Jack))
	if got := w.s.Collect(leeds); len(got) != 3 {
		w.Errorf("collected %d: two messages and the copy of an event", len(got))
	}
	if err := send(1 << 19); err != nil {
		w.Errorf("after collecting: %v", err)
	}
}

// operators looks, through the operators' door, at the metrics, and as a command
// does once the service is stopped.
func (w *quotaWorld) operators() {
	w.Helper()
	access, err := operator.ReadAccess(w.s.Config.Data)
	if err != nil {
		w.Fatal(err)
	}
	desk := &operator.Client{Access: access, User: "tester", HTTP: w.s.HTTP}
	uses, err := operator.All(w.Context(), desk, operator.FindQuotaUses, operator.Matching(operator.QuotaFilter{}))
	if err != nil {
		w.Fatal(err)
	}
	got := map[string]operator.QuotaUse{}
	for _, u := range uses {
		got[u.Quota+" "+u.Owner] = u
	}
	for what, want := range map[string][2]int64{
		"system-subscriptions " + nodetest.LeedsID: {3, 3}, "organisation-subscriptions RR8": {3, 2_000_000},
		"mailbox-messages " + leeds: {1, 2}, "mailbox-bytes " + leeds: {1 << 19, 1 << 20},
	} {
		if u := got[what]; u.Used != want[0] || u.Limit == nil || *u.Limit != want[1] {
			w.Errorf("%s: expected %v, got %+v", what, want, u)
		}
	}
	if one, err := operator.All(w.Context(), desk, operator.FindQuotaUses, operator.Matching(operator.QuotaFilter{Quotas: []string{"mailbox-bytes"}, Owner: strings.ToLower(leeds)})); err != nil || len(one) != 1 {
		w.Errorf("of one mailbox: %+v, %v", one, err)
	}
	if _, err := operator.All(w.Context(), desk, operator.FindQuotaUses, operator.Matching(operator.QuotaFilter{Quotas: []string{"route-subscriptions"}})); !errors.Is(err, operator.Invalid) {
		w.Errorf("a use that is not kept: %v", err)
	}
	figures := string(w.s.Get("/metrics").Body)
	for _, line := range []string{
		`nems_quota_refused_total{quota="system-subscriptions"} 1`, `nems_quota_refused_total{quota="mailbox-messages"} 1`,
		`nems_quota_refused_total{quota="mailbox-bytes"} 1`, `nems_quota_limit{quota="route-subscriptions"} 1000`,
		`nems_quota_used{owner="` + leeds + `",quota="mailbox-messages"} 1`,
	} {
		if !strings.Contains(figures, line) {
			w.Errorf("the metrics have no line %s", line)
		}
	}
}

// A quota that makes no sense is refused at start.
func TestQuotaSettings(t *testing.T) {
	c := node.DevConfig(t.TempDir())
	c.Quotas = node.Quotas{System: -1, Messages: -2}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "quota-mailbox-messages") || strings.Contains(err.Error(), "quota-system") {
		t.Errorf("%v", err)
	}
}
