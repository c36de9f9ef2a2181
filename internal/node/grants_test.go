package node_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"nems/internal/controllers"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

// asked returns the status and the answer of a request about a subscription.
func asked(s *nodetest.Server, r *nodetest.Request) (int, string) {
	a := s.Send(r)
	return a.Status, string(a.Body)
}

// A channel, a replay and its reach need their grants. What loses one is suspended, and
// is not read any more.
func TestGrantsAreNeeded(t *testing.T) {
	t.Parallel()
	onCatalogue(t, enforced, func(t *testing.T, s *nodetest.Server) {
		publishes := liveRow("A83627", "vaccinations-1")
		publishes.Role, publishes.Scope = controllers.Publisher, controllers.Scope{}
		keep(t, s, publishes, liveRow("RR8", "vaccinations-1"))
		box := s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
		replayWish := func() (int, string) {
			r := s.SubscribeRequest([]byte(`<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="from"/><valueString value="oldest"/></parameter>` +
				`<parameter><name value="basis"/><valueString value="a test"/></parameter><parameter><name value="dry-run"/><valueBoolean value="true"/></parameter></Parameters>`))
			r.Path = nodetest.SubscribePath + "/" + box + "/$replay"
			return asked(s, r)
		}
		if status, answer := replayWish(); status != 403 || !strings.Contains(answer, "there is no grant replay") {
			t.Errorf("a replay without a grant: %d %s", status, answer)
		}
		_, err := operator.StartReplay.Do(t.Context(), s.Desk(), operator.ReplayWish{Subscription: box, From: "oldest", Basis: "a test"})
		if err == nil || !strings.Contains(err.Error(), "there is no grant replay") {
			t.Errorf("an operator's replay without a grant: %v", err)
		}
		keep(t, s, publishes, liveRow("RR8", "vaccinations-1", "replay-1d", "stream"))
		if status, answer := replayWish(); status != 200 {
			t.Errorf("a replay with its grant: %d %s", status, answer)
		}
		id := feed(t, s, "message")
		publishes1 := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
		s.Publish(s.Publisher(), publishes1)
		pull := func() (int, string) {
			r := s.ReadRequest(id)
			r.Path += "/$pull"
			return asked(s, r)
		}
		s.Eventually("the event is there", func() bool {
			status, answer := pull()
			return status == http.StatusOK && strings.Contains(answer, `"number":1`)
		})
		keep(t, s, publishes, liveRow("RR8", "vaccinations-1", "replay-1d"))
		if status, answer := pull(); status != 403 || !strings.Contains(answer, "there is no grant stream") {
			t.Errorf("reading a stream without its grant: %d %s", status, answer)
		}
		if xml := shownXML(s, id); !strings.Contains(xml, "there is no grant stream") {
			t.Errorf("the subscription whose channel is not granted any more: %s", xml)
		}
		if xml := shownXML(s, box); !strings.Contains(xml, `<status value="active"/>`) {
			t.Errorf("the one to a mailbox: %s", xml)
		}
		set(t, s, operator.ClockSetting{To: nodetest.Start.Add(50 * time.Hour)})
		if status, answer := replayWish(); status != 403 || !strings.Contains(answer, "its replays reach 1 day back") {
			t.Errorf("a replay that reaches further back: %d %s", status, answer)
		}
	})
}

// An operator cannot approve what the catalogue does not permit. The mode changes without
// a restart.
func TestApprovalAndReload(t *testing.T) {
	t.Parallel()
	reload := make(chan node.Config)
	s := nodetest.BootIn(t, node.Environment{Reload: reload}, func(c *node.Config) { c.Activation = "manual" })
	keep(t, s, liveRow("RR8", "pds-change-of-gp-1"))
	id := s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	c := s.Config
	c.Catalogue = "enforce"
	reload <- c
	s.Eventually("it is enforced", func() bool {
		return s.Send(s.PublishRequest(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))).Status == 403
	})
	_, err := operator.ApproveSubscriptions.Do(t.Context(), s.Desk(), []string{id})
	if err == nil || !strings.Contains(err.Error(), "has no row for the organisation RR8 and vaccinations-1") {
		t.Errorf("approved: %v", err)
	}
	keep(t, s, liveRow("RR8", "vaccinations-1"))
	if _, err := operator.ApproveSubscriptions.Do(t.Context(), s.Desk(), []string{id}); err != nil {
		t.Errorf("approving what is permitted: %v", err)
	}
}
