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

// TestQuotas uses up the quotas of one system and one mailbox, looks at them as
// an operator does, and makes room again. What NEMS owes to the mailbox must
// arrive all the same.
func TestQuotas(t *testing.T) {
	for name, database := range map[string]func() string{
		"sqlite":   func() string { return "" },
		"postgres": func() string { return pgtest.Shared(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			qt := quotaTest{T: t, s: nodetest.Boot(t, func(c *node.Config) {
				c.Database, c.Quotas = database(), node.Quotas{System: 3, Messages: 2, Bytes: 1 << 20}
			})}
			qt.subscriptions()
			qt.messages()
			qt.operators()
		})
	}
}

type quotaTest struct {
	*testing.T
	s *nodetest.Server
}

func (qt *quotaTest) subscriptions() {
	qt.Helper()
	ask := func(tag string) nodetest.Answer {
		return qt.s.Send(qt.s.SubscribeRequest(nodetest.SubscriptionXML(about(nodetest.Jack)+vaccinations+"&tag="+tag, leeds, "RR8")))
	}
	last := ""
	for _, tag := range []string{"a", "b", "c"} {
		last = qt.s.Subscribe(qt.s.Leeds(), about(nodetest.Jack)+vaccinations+"&tag="+tag, leeds)
	}
	refused := ask("d")
	if refused.Status != 403 || !bytes.Contains(refused.Body, []byte("ACCESS_DENIED")) || !bytes.Contains(refused.Body, []byte("there are 3 subscriptions of this system")) {
		qt.Errorf("a fourth: %d %s", refused.Status, refused.Body)
	}
	if a := ask("c"); a.Status != 422 || !bytes.Contains(a.Body, []byte(last)) {
		qt.Errorf("a duplicate: %d %s", a.Status, a.Body)
	}
	if a := qt.s.Send(qt.s.DeleteRequest(last)); a.Status != 200 {
		qt.Errorf("deleted: %d", a.Status)
	}
	if a := ask("d"); a.Status != 201 {
		qt.Errorf("after a deletion: %d %s", a.Status, a.Body)
	}
}

func (qt *quotaTest) messages() {
	qt.Helper()
	national, err := mesh.NewClient(mesh.ClientConfig{URL: qt.s.URL, Mailbox: national, Password: devworld.Password, SharedKey: []byte(devworld.SharedKey), Now: qt.s.Clock.Now,
		Transport: qt.s.HTTP.Transport})
	if err != nil {
		qt.Fatal(err)
	}
	send := func(size int) error {
		_, err := national.Send(context.Background(), mesh.Outgoing{Headers: mesh.Headers{To: leeds, WorkflowID: "W"}, MediaType: "text/plain",
			Size: int64(size), Body: strings.NewReader(strings.Repeat("x", size))})
		return err
	}
	wantFull := func(what string, err error) {
		var refusal *mesh.Error
		if !errors.As(err, &refusal) || refusal.Status != http.StatusInsufficientStorage || refusal.Code != "MailboxFull" || !refusal.Temporary() {
			qt.Errorf("%s: %v", what, err)
		}
	}
	if err := send(100); err != nil {
		qt.Fatal(err)
	}
	wantFull("more bytes than there is room for", send(1<<20))
	if err := send(1 << 19); err != nil { // nothing was left of what was refused
		qt.Fatal(err)
	}
	wantFull("a third message", send(100))
	qt.s.Publish(qt.s.Publisher(), nodetest.Message(qt, "vaccinations-1", "new", nodetest.Jack))
	if got := qt.s.Collect(leeds); len(got) != 3 {
		qt.Errorf("collected %d: two messages and the copy of an event", len(got))
	}
	if err := send(1 << 19); err != nil {
		qt.Errorf("after collecting: %v", err)
	}
}

// operators checks the uses through the operators' API, in the metrics, and as a
// command does after the service is stopped.
func (qt *quotaTest) operators() {
	qt.Helper()
	access, err := operator.ReadAccess(qt.s.Config.Data)
	if err != nil {
		qt.Fatal(err)
	}
	desk := &operator.Client{Access: access, User: "tester", HTTP: qt.s.HTTP}
	uses, err := operator.All(qt.Context(), desk, operator.FindQuotaUses, operator.Matching(operator.QuotaFilter{}))
	if err != nil {
		qt.Fatal(err)
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
			qt.Errorf("%s: expected %v, got %+v", what, want, u)
		}
	}
	if one, err := operator.All(qt.Context(), desk, operator.FindQuotaUses, operator.Matching(operator.QuotaFilter{Quotas: []string{"mailbox-bytes"}, Owner: strings.ToLower(leeds)})); err != nil || len(one) != 1 {
		qt.Errorf("of one mailbox: %+v, %v", one, err)
	}
	if _, err := operator.All(qt.Context(), desk, operator.FindQuotaUses, operator.Matching(operator.QuotaFilter{Quotas: []string{"route-subscriptions"}})); !errors.Is(err, operator.Invalid) {
		qt.Errorf("a use that is not kept: %v", err)
	}
	figures := string(qt.s.Get("/metrics").Body)
	for _, line := range []string{
		`nems_quota_refused_total{quota="system-subscriptions"} 1`, `nems_quota_refused_total{quota="mailbox-messages"} 1`,
		`nems_quota_refused_total{quota="mailbox-bytes"} 1`, `nems_quota_limit{quota="route-subscriptions"} 1000`,
		`nems_quota_used{owner="` + leeds + `",quota="mailbox-messages"} 1`,
	} {
		if !strings.Contains(figures, line) {
			qt.Errorf("the metrics have no line %s", line)
		}
	}
}

// TestQuotaSettings checks that an invalid quota is refused at start.
func TestQuotaSettings(t *testing.T) {
	c := node.DevConfig(t.TempDir())
	c.Quotas = node.Quotas{System: -1, Messages: -2}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "quota-mailbox-messages") || strings.Contains(err.Error(), "quota-system") {
		t.Errorf("%v", err)
	}
}
