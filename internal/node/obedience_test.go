package node_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/controllers"
	"nems/internal/datafolder"
	"nems/internal/nhs"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/subscription"
)

func enforced(c *node.Config) { c.Catalogue = "enforce" }

// liveRow is a row that permits a consumer subscriptions to single patients.
func liveRow(organisation, event string, grants ...string) controllers.Row {
	day := controllers.DateOf(nodetest.Start)
	return controllers.Row{
		Organisation: nhs.ODSCode(organisation), Role: controllers.Consumer, Event: event, Status: controllers.Live, Purpose: "care", Basis: controllers.Basis{Code: "direct-care"},
		Decided: controllers.Decided{By: "IWG", On: day, Review: day}, Scope: controllers.Scope{Rules: []string{controllers.RuleExplicit}}, Grants: grants,
	}
}

// keep puts rows in place of all that there are.
func keep(t *testing.T, s *nodetest.Server, rows ...controllers.Row) {
	t.Helper()
	if _, err := operator.ChangeControllers.Do(t.Context(), s.Desk(), operator.ControllerChange{Rows: rows, Whole: true, Reason: "a test"}); err != nil {
		t.Fatal(err)
	}
}

// shownXML is a subscription as its owner reads it.
func shownXML(s *nodetest.Server, id string) string { return string(s.Send(s.ReadRequest(id)).Body) }

// What a row permits is done; what it does not permit is refused, with what is missing,
// in the form of each API. When the row is suspended its subscriptions are off, with the
// reason, and match nothing; when it is live again, they are active.
func TestCatalogueIsEnforced(t *testing.T) {
	t.Parallel()
	onCatalogue(t, enforced, func(t *testing.T, s *nodetest.Server) {
		keep(t, s) // without those of the development world
		row, publishes := liveRow("RR8", "vaccinations-1"), liveRow("A83627", "vaccinations-1")
		publishes.Role, publishes.Scope = controllers.Publisher, controllers.Scope{}
		message := func() []byte { return nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack) }
		subscribe := nodetest.SubscriptionXML(about(nodetest.Jack)+vaccinations, leeds, "RR8")
		for what, a := range map[string]nodetest.Answer{"publish": s.Send(s.PublishRequest(message())), "subscribe": s.Send(s.SubscribeRequest(subscribe))} {
			if a.Status != http.StatusForbidden || !strings.Contains(string(a.Body), "ACCESS_DENIED") || !strings.Contains(string(a.Body), "the controller catalogue has no row for the organisation") {
				t.Errorf("%s without a row: %d %s", what, a.Status, a.Body)
			}
		}
		keep(t, s, row, publishes)
		id := s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
		s.Publish(s.Publisher(), message())
		if n := len(s.Collect(leeds)); n != 1 {
			t.Errorf("permitted: %d copies", n)
		}
		otherForms(t, s)

		s.Publish(s.Publisher(), message()) // stays owed
		suspended := row
		suspended.Status = controllers.Suspended
		keep(t, s, suspended, publishes)
		if xml := shownXML(s, id); !strings.Contains(xml, `<status value="off"/>`) || !strings.Contains(xml, `<error value="suspended: row RR8/vaccinations-1/consumer`) {
			t.Errorf("suspended: %s", xml)
		}
		s.Publish(s.Publisher(), message())
		x, err := operator.ExplainEvent.Do(t.Context(), s.Desk(), operator.Matching(operator.EventQuestion{Event: newest(t, s), Subscription: id}))
		if err != nil || !slices.ContainsFunc(x.Subscriptions[0].Criteria, func(c operator.ExplainedCriteria) bool {
			return c.Criterion == subscription.ByStatus && !c.Holds && strings.HasPrefix(c.Fact, "suspended: row RR8/")
		}) {
			t.Errorf("explained: %+v, %v", x, err)
		}
		if n := len(s.Collect(leeds)); n != 1 {
			t.Errorf("what was matched before stays owed: %d copies", n)
		}
		keep(t, s, row, publishes)
		s.Publish(s.Publisher(), message())
		if n := len(s.Collect(leeds)); n != 1 || !strings.Contains(shownXML(s, id), `<status value="active"/>`) {
			t.Errorf("live again: %d copies, %s", n, shownXML(s, id))
		}
		for action, reason := range map[audit.Action]string{audit.ActionSuspend: "row RR8/vaccinations-1/consumer of the controller catalogue: it is suspended", audit.ActionRestore: "permitted by row RR8/vaccinations-1/consumer"} {
			found, err := operator.SearchAudit.Do(t.Context(), s.Desk(), operator.Matching(operator.Filter{Action: action}))
			if err != nil || len(found.Items) != 1 || found.Items[0].Object != id || found.Items[0].Reason != reason {
				t.Errorf("the audit, %s: %+v, %v", action, found.Items, err)
			}
		}
	})
}

// otherForms are refusals in R4's and the MNS's own words.
func otherForms(t *testing.T, s *nodetest.Server) {
	t.Helper()
	status, _, outcome := r4Leeds(s).ask(t, http.MethodPost, "/Subscription", r4Body("https://127.0.0.1:1/", "id-only"))
	if status != http.StatusForbidden || !strings.Contains(fmt.Sprint(outcome), "there is no grant webhook") {
		t.Errorf("R4: %d %v", status, outcome)
	}
	code, answer := askMNS(t, s, http.MethodPost, "/subscriptions", "application/fhir+json",
		signalled("eventType=pds-death-notification-2", "mesh://MAILBOX1234?workflow_id=A", "application/json"))
	if code != http.StatusForbidden || !strings.Contains(answer, "no row for the organisation RR8 and pds-death-notification-1") {
		t.Errorf("MNS: %d %s", code, answer)
	}
}

// Evidence that expires suspends by itself. A mode that does not enforce puts back what
// was suspended. A row that was changed while nothing could follow is followed later.
func TestSweepFollowsTimeAndMode(t *testing.T) {
	t.Parallel()
	onCatalogue(t, enforced, func(t *testing.T, s *nodetest.Server) {
		row := liveRow("RR8", "vaccinations-1")
		row.Evidence = []controllers.Evidence{{Kind: "dspt", Expires: controllers.DateOf(nodetest.Start.AddDate(0, 0, 1))}}
		keep(t, s, row)
		id := s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
		is := func(status string) func() bool {
			return func() bool { return strings.Contains(shownXML(s, id), `<status value="`+status+`"/>`) }
		}
		attention, err := operator.ShowAttention.Do(t.Context(), s.Desk(), operator.None{})
		if err != nil || !slices.ContainsFunc(attention.Concerns, func(c operator.Concern) bool {
			return c.Kind == operator.ConcernCatalogue && strings.Contains(c.Text, "row RR8/vaccinations-1/consumer: evidence dspt expires on 2026-03-03, in 1 day")
		}) {
			t.Errorf("attention: %+v, %v", attention, err)
		}
		if metrics := string(s.Get("/metrics").Body); !strings.Contains(metrics, `nems_catalogue_rows_expiring{within="14d"} 1`) {
			t.Error("the metrics do not have the row that expires")
		}
		sweptAt(t, s, nodetest.Start.Add(48*time.Hour), "it is suspended when its evidence has expired", is("off"))
		if xml := shownXML(s, id); !strings.Contains(xml, "its evidence dspt expired on 2026-03-03") {
			t.Errorf("suspended: %s", xml)
		}
		s.Stop()
		s.Config.Catalogue = "report"
		s.Run()
		sweptAt(t, s, nodetest.Start.Add(49*time.Hour), "it is active again when the catalogue is only reported on", is("active"))
		s.Stop()
		row.Evidence, row.Status = nil, controllers.Ended
		changeBehind(t, s, row) // as if the node had been killed when the row was on disk
		s.Config.Catalogue = "enforce"
		s.Run()
		sweptAt(t, s, nodetest.Start.Add(50*time.Hour), "the sweep makes up for it", is("off"))
	})
}

// sweptAt sets the clock forward, for housekeeping to look, until something holds. A
// task that has not begun yet does not see that the clock was set.
func sweptAt(t *testing.T, s *nodetest.Server, at time.Time, what string, holds func() bool) {
	t.Helper()
	var asked time.Time
	s.Eventually(what, func() bool {
		if time.Since(asked) > 2*time.Second {
			asked, at = time.Now(), at.Add(time.Minute)
			set(t, s, operator.ClockSetting{To: at})
		}
		return holds()
	})
}

// changeBehind changes a row of a service that is stopped.
func changeBehind(t *testing.T, s *nodetest.Server, row controllers.Row) {
	t.Helper()
	value, err := operator.EncodeController(row)
	if err != nil {
		t.Fatal(err)
	}
	desk, end, err := datafolder.OpenDesk(s.Config.Data, s.Config.Database)
	if err != nil {
		t.Fatal(err)
	}
	err = desk.Store.ChangeControllerRows(t.Context(), []store.ControllerRow{value}, nil, []audit.Entry{{Action: audit.ActionPutController, At: nodetest.Start}})
	if err = errors.Join(err, end()); err != nil {
		t.Fatal(err)
	}
}

// newest is the event that was accepted last.
func newest(t *testing.T, s *nodetest.Server) string {
	t.Helper()
	found, err := operator.FindEvents.Do(t.Context(), s.Desk(), operator.Search[operator.EventFilter]{})
	if err != nil || len(found.Items) == 0 {
		t.Fatalf("no event is found: %v", err)
	}
	return strconv.FormatInt(found.Items[0].Event, 10)
}

// In the mode report all is done, and counted by what is missing.
func TestCatalogueReport(t *testing.T) {
	t.Parallel()
	onCatalogue(t, func(c *node.Config) { c.Catalogue = "report" }, func(t *testing.T, s *nodetest.Server) {
		keep(t, s) // without those of the development world
		s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
		for range 3 {
			s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
		}
		if n := len(s.Collect(leeds)); n != 3 {
			t.Errorf("%d copies", n)
		}
		report, err := operator.ReportControllers.Do(t.Context(), s.Desk(), operator.None{})
		counts := map[string]int64{}
		for _, r := range report.Items {
			counts[string(r.Organisation)+" "+string(r.Role)+" "+r.Event+": "+r.Lacks] = r.Count
		}
		if err != nil || len(counts) != 2 || counts["A83627 publisher vaccinations-1: the controller catalogue has no row for the organisation A83627"] != 3 ||
			counts["RR8 consumer vaccinations-1: the controller catalogue has no row for the organisation RR8"] != 1 {
			t.Errorf("the report: %v, %v", counts, err)
		}
		found, err := operator.SearchAudit.Do(t.Context(), s.Desk(), operator.Matching(operator.Filter{Action: audit.ActionShortfall}))
		if err != nil || len(found.Items) != 2 {
			t.Errorf("the audit tells of each kind once: %+v, %v", found.Items, err)
		}
		if metrics := string(s.Get("/metrics").Body); !strings.Contains(metrics, `nems_catalogue_would_refuse_total{role="publisher"} 3`) {
			t.Error("the metrics do not have what would have been refused")
		}
	})
}

// A change on one node is obeyed by the other within a second.
func TestCatalogueOnTwoNodes(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	shared := func(c *node.Config) { c.Database, c.Catalogue = url, "enforce" }
	here, there := nodetest.Boot(t, shared), nodetest.Boot(t, shared)
	row := liveRow("A83627", "vaccinations-1")
	row.Role, row.Scope = controllers.Publisher, controllers.Scope{}
	message := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	var longest time.Duration
	for _, status := range []controllers.Status{controllers.Live, controllers.Suspended, controllers.Live, controllers.Ended} {
		row.Status = status
		keep(t, here, row)
		want, begun := 403, time.Now()
		if status == controllers.Live {
			want = 202
		}
		if got := here.Send(here.PublishRequest(message)).Status; got != want {
			t.Errorf("%s, on the node that was told: %d", status, got)
		}
		there.Eventually("the other obeys", func() bool { return there.Send(there.PublishRequest(message)).Status == want })
		longest = max(longest, time.Since(begun))
	}
	t.Logf("the other node obeyed after %v at the latest", longest)
}

func onCatalogue(t *testing.T, change func(*node.Config), test func(t *testing.T, s *nodetest.Server)) {
	t.Helper()
	for name, database := range map[string]func(*testing.T) string{
		"sqlite": func(*testing.T) string { return "" }, "postgres": func(t *testing.T) string { return pgtest.Shared(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, nodetest.Boot(t, change, func(c *node.Config) { c.Database, c.R4 = database(t), "on" }))
		})
	}
}

// combination is one question through the front door.
type combination struct {
	q   controllers.Question
	ask func() nodetest.Answer
}

// Whatever the rows are, the front door answers as they judge: 500 combinations of role,
// event type, rule, area, status and date.
func TestCombinations(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t, enforced)
	dice := rand.New(rand.NewPCG(20, 46)) //nolint:gosec // a test's
	allowed := 0
	for n := range 500 {
		asked := combine(t, s, dice)
		rows := []controllers.Row{randomRow(dice, asked.q), randomRow(dice, asked.q)}
		rows[1].Setting = "UHV"
		keep(t, s, rows...)
		asked.q.At = nodetest.Start
		want, got := controllers.New(rows).Judge(asked.q), asked.ask()
		switch {
		case want.Allowed && got.Status != 201 && got.Status != 202:
			t.Errorf("%d: %+v is permitted: %d %s", n, asked.q, got.Status, got.Body)
		case !want.Allowed && (got.Status != 403 || !strings.Contains(unescaped(got.Body), want.Lacks)):
			t.Errorf("%d: %+v lacks %q: %d %s", n, asked.q, want.Lacks, got.Status, got.Body)
		}
		if want.Allowed {
			allowed++
		}
		if at := got.Header.Get("Location"); got.Status == 201 {
			s.Send(s.DeleteRequest(at[strings.LastIndexByte(at, '/')+1:]))
		}
	}
	if allowed < 100 || allowed > 400 {
		t.Errorf("%d of 500 were permitted: the combinations show little", allowed)
	}
	t.Logf("%d of 500 were permitted", allowed)
}

// published are event types that a system other than the Spine publishes.
var published = []string{"vaccinations-1", "newborn-hearing-1", "nipe-outcome-1", "blood-spot-test-outcome-1", "professional-contacts-1"}

// areas are rules with codes of the development world.
var areas = map[string][]string{
	subscription.RulePractice: {"B86056", "A83627"}, subscription.RuleSubICBOfGP: {"02V", "03J"}, subscription.RuleSubICBPostcode: {"15F", "X2C4Y"},
	subscription.RuleLocalAuthority: {"E08000035", "E08000034"}, subscription.RuleCountry: {"E92000001"},
}

func pick[T any](dice *rand.Rand, from ...T) T { return from[dice.IntN(len(from))] }

func combine(t *testing.T, s *nodetest.Server, dice *rand.Rand) combination {
	t.Helper()
	event := pick(dice, published...)
	if dice.IntN(3) == 0 {
		return combination{controllers.Question{Organisation: "A83627", Role: controllers.Publisher, Event: event},
			func() nodetest.Answer {
				return s.Send(s.PublishRequest(nodetest.Message(t, event, "new", nodetest.Jack)))
			}}
	}
	q := controllers.Question{Organisation: "RR8", Role: controllers.Consumer, Event: pick(dice, append(published, "pds-change-of-gp-1", "pds-death-notification-1")...), Rule: controllers.RuleExplicit}
	criteria := about(nodetest.Jack)
	if dice.IntN(3) > 0 {
		q.Rule = pick(dice, subscription.RulePractice, subscription.RuleSubICBOfGP, subscription.RuleSubICBPostcode, subscription.RuleLocalAuthority, subscription.RuleCountry)
		q.Code = pick(dice, areas[q.Rule]...)
		criteria = rule(q.Rule, q.Code) + "&serviceType=GP"
	}
	xml := nodetest.SubscriptionXML(criteria+"&MessageHeader.event="+q.Event, leeds, "RR8")
	return combination{q, func() nodetest.Answer { return s.Send(s.SubscribeRequest(xml)) }}
}

// randomRow is about the organisation of a question, and often permits it.
func randomRow(dice *rand.Rand, q controllers.Question) controllers.Row {
	r := liveRow(string(q.Organisation), q.Event)
	day := func(by int) controllers.Date { return controllers.DateOf(nodetest.Start.AddDate(0, 0, by)) }
	usually := func() bool { return dice.IntN(6) > 0 }
	r.Decided.On, r.Decided.Review = day(pick(dice, -400, -1, 0)), day(pick(dice, 2, 300))
	if !usually() {
		r.Event = pick(dice, published...)
	}
	if !usually() {
		r.Status = pick(dice, controllers.Requested, controllers.Assured, controllers.Suspended, controllers.Ended)
	}
	if !usually() {
		r.Decided.On = day(1)
	}
	r.Evidence = []controllers.Evidence{{Kind: "dsa", Expires: day(pick(dice, 0, 1, 30))}, {Kind: "tcc", Given: day(-500), Expires: day(pick(dice, -1, 0, 5, 90, 90, 90))}}
	if r.Role = pick(dice, q.Role, q.Role, q.Role, controllers.Both); !usually() {
		r.Role = pick(dice, controllers.Publisher, controllers.Consumer)
	}
	r.Scope = controllers.Scope{}
	if r.Role != controllers.Publisher {
		r.Scope.Rules = []string{pick(dice, controllers.RuleExplicit, subscription.RulePractice, subscription.RuleCountry)}
		if q.Rule != "" && usually() && !slices.Contains(r.Scope.Rules, q.Rule) {
			r.Scope.Rules = append(r.Scope.Rules, q.Rule)
		}
		r.Scope.Codes = []string{pick(dice, "*", "E92000001", "02V")}
		if q.Code != "" && dice.IntN(2) > 0 {
			r.Scope.Codes = append(r.Scope.Codes, strings.ToLower(q.Code))
		}
	}
	return r
}

// unescaped is XML with its quotation marks.
func unescaped(xml []byte) string {
	return strings.NewReplacer("&#34;", `"`, "&quot;", `"`, "&amp;", "&").Replace(string(xml))
}
