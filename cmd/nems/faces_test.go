package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/controllers"
	"nems/internal/datafolder"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/spine"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/subscription"
)

// planted is the content of the database of TestFacesOfTheDesk.
type planted struct {
	requested  string // a subscription that waits for approval
	deliveries []string
}

// asked is one request of a verb.
type asked struct {
	verb string
	do   func(ctx context.Context, f operator.Face, p planted) (any, error)
}

// ask makes an asked from a verb and a request.
func ask[Q, A any](name string, v *operator.Verb[Q, A], request func(planted) Q) asked {
	return asked{name, func(ctx context.Context, f operator.Face, p planted) (any, error) { return v.Do(ctx, f, request(p)) }}
}

// just is a request that needs nothing planted.
func just[Q any](q Q) func(planted) Q { return func(planted) Q { return q } }

// requests returns requests of every verb, with each kind of refusal that a
// request can cause.
func requests() []asked {
	system := spine.Registration{System: access.System{ASID: "200000000115", ODSCodes: []nhs.ODSCode{"RR8"}, Interactions: []string{access.CreateInteraction}, Mailboxes: []string{"*"}}}
	other := system
	other.ASID = "200000000116"
	deprecated := operator.LifeCycle{State: "deprecated", Deprecated: "2026-03-31", Withdrawn: "2027-03-31", URL: "https://nems.example.nhs.uk/changes"}
	return []asked{
		ask("putSystems", operator.PutSystems, just([]spine.Registration{system, other})),
		ask("putSystems", operator.PutSystems, just([]spine.Registration{system, {}})),
		ask("listSystems", operator.ListSystems, just(operator.Paging{Limit: 1})),
		ask("listSystems", operator.ListSystems, just(operator.Paging{Limit: -1})),
		ask("listSystems", operator.ListSystems, just(operator.Paging{After: "bm90IG91cnM"})),
		ask("showSystem", operator.ShowSystem, just(operator.SystemRef{ASID: system.ASID})),
		ask("showSystem", operator.ShowSystem, just(operator.SystemRef{ASID: "200000000117"})),
		ask("revokeSystem", operator.RevokeSystem, just(operator.SystemRef{ASID: system.ASID})),
		ask("revokeSystem", operator.RevokeSystem, just(operator.SystemRef{ASID: "200000000117"})),
		ask("putMailboxes", operator.PutMailboxes, just([]operator.Mailbox{{ID: "NEAR", ODS: "RR8", Password: "secret"}})),
		ask("putMailboxes", operator.PutMailboxes, just([]operator.Mailbox{{ID: "NEAR", ODS: "RR8"}})),
		ask("listMailboxes", operator.ListMailboxes, just(operator.Paging{})),
		ask("listEndpoints", operator.ListEndpoints, just(operator.Paging{})),
		ask("showEndpoint", operator.ShowEndpoint, just(operator.EndpointRef{ID: "FAR"})),
		ask("putEndpoint", operator.PutEndpoint, just(operator.Endpoint{ID: "HOOK", ODS: "RR8", URL: "https://rr8.example.nhs.uk/events"})),
		ask("rotateEndpoint", operator.RotateEndpoint, just(operator.EndpointRef{ID: "FAR"})),
		ask("enableEndpoint", operator.EnableEndpoint, just(operator.EndpointRef{ID: "FAR"})),
		ask("disableEndpoint", operator.DisableEndpoint, just(operator.EndpointRef{ID: "NONE"})),
		ask("testEndpoint", operator.TestEndpoint, just(operator.EndpointRef{ID: "FAR"})),
		ask("putWorkflows", operator.PutWorkflows, just([]operator.Workflow{{ID: "VACCINATIONS_1", Receivers: []string{"NEAR"}}})),
		ask("putWorkflows", operator.PutWorkflows, just([]operator.Workflow{{}})),
		ask("setLifeCycle", operator.SetLifeCycle, just(operator.LifeCycleOf{Code: "vaccinations-1", LifeCycle: deprecated})),
		ask("setLifeCycle", operator.SetLifeCycle, just(operator.LifeCycleOf{Code: "none-1", LifeCycle: deprecated})),
		ask("setLifeCycle", operator.SetLifeCycle, just(operator.LifeCycleOf{Code: "vaccinations-1", LifeCycle: operator.LifeCycle{State: "gone", Deprecated: "soon"}})),
		ask("listEventTypes", operator.ListEventTypes, just(operator.Paging{Limit: 1000})),
		ask("changeControllers", operator.ChangeControllers, just(operator.ControllerChange{Rows: []controllers.Row{{Organisation: "RR8", Role: "publisher", Event: "vaccinations-1", Status: "requested"}}, Reason: "asked for"})),
		ask("changeControllers", operator.ChangeControllers, just(operator.ControllerChange{Rows: []controllers.Row{{Organisation: "RR8"}}, Reason: "asked for"})),
		ask("changeControllers", operator.ChangeControllers, just(operator.ControllerChange{Removed: []string{"none"}, Reason: "not needed"})),
		ask("reportControllers", operator.ReportControllers, just(operator.None{})),
		ask("findControllers", operator.FindControllers, just(operator.Matching(operator.ControllerFilter{Organisation: "RR8"}))),
		ask("findControllers", operator.FindControllers, just(operator.Search[operator.ControllerFilter]{Paging: operator.Paging{Limit: -1}})),
		ask("showController", operator.ShowController, just(operator.ControllerOf{Organisation: "RR8"})),
		ask("showController", operator.ShowController, just(operator.ControllerOf{Organisation: "NONE"})),
		ask("judgeController", operator.JudgeController, just(operator.ControllerQuestion{Organisation: "RR8", Role: "publisher", Event: "vaccinations-1"})),
		ask("judgeController", operator.JudgeController, just(operator.ControllerQuestion{Organisation: "RR8", Role: "both"})),
		ask("findSubscriptions", operator.FindSubscriptions, just(operator.Matching(operator.SubscriptionFilter{ODS: "RR8"}))),
		ask("findSubscriptions", operator.FindSubscriptions, just(operator.Matching(operator.SubscriptionFilter{Quarantined: true}))),
		ask("findSubscriptions", operator.FindSubscriptions, just(operator.Matching(operator.SubscriptionFilter{Status: "error"}))),
		ask("showSubscription", operator.ShowSubscription, func(p planted) operator.SubscriptionRef { return operator.SubscriptionRef{ID: p.requested} }),
		ask("showSubscription", operator.ShowSubscription, just(operator.SubscriptionRef{ID: "none"})),
		ask("previewSubscription", operator.PreviewSubscription, just(operator.Wish{Rule: "COUNTRYCODE", Organisation: "E92000001", Events: []string{"vaccinations-1"}})),
		ask("previewSubscription", operator.PreviewSubscription, just(operator.Wish{})),
		ask("createSubscription", operator.CreateSubscription, just(operator.Creation{})),
		ask("approveSubscriptions", operator.ApproveSubscriptions, func(p planted) []string { return []string{p.requested} }),
		ask("approveSubscriptions", operator.ApproveSubscriptions, func(p planted) []string { return []string{p.requested} }),
		ask("approveSubscriptions", operator.ApproveSubscriptions, just([]string{"none"})),
		ask("rejectSubscriptions", operator.RejectSubscriptions, func(p planted) operator.Ending { return operator.Ending{IDs: []string{p.requested}, Reason: "a"} }),
		ask("rejectSubscriptions", operator.RejectSubscriptions, just(operator.Ending{IDs: []string{"none"}, Reason: "a"})),
		ask("endSubscriptions", operator.EndSubscriptions, func(p planted) operator.Ending {
			return operator.Ending{IDs: []string{p.requested}, Reason: "agreed with RR8"}
		}),
		ask("endSubscriptions", operator.EndSubscriptions, just(operator.Ending{IDs: []string{"none"}})),
		ask("deleteSubscriptions", operator.DeleteSubscriptions, func(p planted) operator.Ending {
			return operator.Ending{IDs: []string{p.requested}, Reason: "agreed with RR8"}
		}),
		ask("deleteSubscriptions", operator.DeleteSubscriptions, func(p planted) operator.Ending {
			return operator.Ending{IDs: []string{p.requested}, Reason: "agreed with RR8"}
		}),
		ask("findDeliveries", operator.FindDeliveries, just(operator.Matching(operator.DeliveryFilter{Mailbox: "FAR"}))),
		ask("findDeliveries", operator.FindDeliveries, just(operator.Matching(operator.DeliveryFilter{Mailbox: "NONE"}))),
		ask("findDeliveries", operator.FindDeliveries, just(operator.Matching(operator.DeliveryFilter{State: "lost"}))),
		ask("moveDeliveries", operator.MoveDeliveries, func(p planted) operator.Moving {
			return operator.Moving{Move: operator.Park, IDs: append([]string{"none"}, p.deliveries...)}
		}),
		ask("moveDeliveries", operator.MoveDeliveries, just(operator.Moving{Move: "drop"})),
		ask("showDelivery", operator.ShowDelivery, func(p planted) operator.DeliveryRef { return operator.DeliveryRef{ID: p.deliveries[0]} }),
		ask("showDelivery", operator.ShowDelivery, just(operator.DeliveryRef{ID: "none"})),
		ask("startReplay", operator.StartReplay, just(operator.ReplayWish{Subscription: "none"})),
		ask("startReplay", operator.StartReplay, func(p planted) operator.ReplayWish {
			return operator.ReplayWish{Subscription: p.requested, From: "oldest", Basis: "agreed"}
		}),
		ask("tryReplay", operator.TryReplay, func(p planted) operator.ReplayWish {
			return operator.ReplayWish{Subscription: p.requested, From: "oldest"}
		}),
		ask("findReplays", operator.FindReplays, just(operator.Matching(operator.ReplayFilter{}))),
		ask("showReplay", operator.ShowReplay, just(operator.ReplayRef{ID: "none"})),
		ask("changeReplay", operator.ChangeReplay, just(operator.ReplayChange{ID: "none", Deed: "stop"})),
		ask("changeReplay", operator.ChangeReplay, just(operator.ReplayChange{ID: "none", Deed: "pace", Rate: 3})),
		ask("checkMessage", operator.CheckMessage, just(operator.MessageCheck{Message: "<Bundle/>"})),
		ask("composeMessage", operator.ComposeMessage, just(operator.Composition{EventType: "none-1"})),
		ask("composeMessage", operator.ComposeMessage, just(operator.Composition{EventType: "vaccinations-1", Patient: "1234567890"})),
		ask("composeMessage", operator.ComposeMessage, just(operator.Composition{EventType: "vaccinations-1", MessageID: "1"})),
		ask("publishMessage", operator.PublishMessage, just(operator.Publication{Message: "<Bundle/>"})),
		ask("findQuotaUses", operator.FindQuotaUses, just(operator.Matching(operator.QuotaFilter{}))),
		ask("findRefusals", operator.FindRefusals, just(operator.Matching(operator.RefusalFilter{Code: "BAD_REQUEST"}))),
		ask("findQuotaUses", operator.FindQuotaUses, just(operator.Matching(operator.QuotaFilter{Quotas: []string{"none"}}))),
		ask("showOverview", operator.ShowOverview, just(operator.Glance{Latest: 2})),
		ask("showOverview", operator.ShowOverview, just(operator.Glance{Latest: 5000})),
		ask("countOverTime", operator.CountOverTime, just(operator.Counting{From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Per: operator.PerHour})),
		ask("countOverTime", operator.CountOverTime, just(operator.Counting{Per: "week"})),
		ask("showDirectory", operator.ShowDirectory, just(operator.None{})),
		ask("lookUpOrganisation", operator.LookUpOrganisation, just(operator.OrganisationRef{Code: "RR8"})),
		ask("lookUpPostcode", operator.LookUpPostcode, just(operator.PostcodeQuestion{Postcode: "nowhere"})),
		ask("lookUpPatient", operator.LookUpPatient, just(operator.PatientQuestion{Patient: "9912003888"})),
		ask("lookUpPatient", operator.LookUpPatient, just(operator.PatientQuestion{Patient: "1234567890", Reason: "test"})),
		ask("findRecords", operator.FindRecords, just(operator.Matching(operator.RecordFilter{Family: "Smith"}))),
		ask("readRecord", operator.ReadRecord, just(operator.RecordReading{Patient: "9912003888", Reason: "test"})),
		ask("readRecord", operator.ReadRecord, just(operator.RecordReading{Patient: "1234567890", Reason: "test"})),
		ask("readRecord", operator.ReadRecord, just(operator.RecordReading{Patient: "9912003888"})),
		ask("writeRegister", operator.WriteRegister, just(operator.RegisterQuestion{})),
		ask("writeRegister", operator.WriteRegister, just(operator.RegisterQuestion{ODS: "rr8"})),
		ask("listReviews", operator.ListReviews, just(operator.Matching(operator.ReviewFilter{}))),
		ask("listReviews", operator.ListReviews, just(operator.Matching(operator.ReviewFilter{Older: -1}))),
		ask("tellRecipients", operator.TellRecipients, just(operator.RecipientsQuestion{Patient: "9912003888", Reason: "test"})),
		ask("tellRecipients", operator.TellRecipients, just(operator.RecipientsQuestion{Patient: "9912003888"})),
		ask("showRetention", operator.ShowRetention, just(operator.None{})),
		ask("proveRetention", operator.ProveRetention, just(operator.RetentionQuestion{})),
		ask("proveRetention", operator.ProveRetention, just(operator.RetentionQuestion{EventType: "none-1"})),
		ask("tellRectification", operator.TellRectification, just(operator.RectificationQuestion{Patient: "9912003888", Reason: "test"})),
		ask("tellRectification", operator.TellRectification, just(operator.RectificationQuestion{Event: "none", Reason: "test"})),
		ask("tellRectification", operator.TellRectification, just(operator.RectificationQuestion{Event: "1"})),
		ask("changeRecord", operator.ChangeRecord, just(operator.RecordChange{Patient: "9912003888"})),
		ask("changeRecord", operator.ChangeRecord, just(operator.RecordChange{Patient: "1"})),
		ask("changeRecord", operator.ChangeRecord, just(operator.RecordChange{Patient: "9912003888", Request: "1"})),
		ask("notifyBirth", operator.NotifyBirth, just(operator.BirthToNotify{})),
		ask("loadRecords", operator.LoadRecords, just(operator.RecordsToLoad{})),
		ask("showClock", operator.ShowClock, just(operator.None{})),
		ask("setClock", operator.SetClock, just(operator.ClockSetting{Speed: new(0.0)})),
		ask("setClock", operator.SetClock, just(operator.ClockSetting{Speed: new(-1.0)})),
		ask("showAttention", operator.ShowAttention, just(operator.None{})),
		ask("findEvents", operator.FindEvents, just(operator.Matching(operator.EventFilter{}))),
		ask("findEvents", operator.FindEvents, just(operator.Matching(operator.EventFilter{Mailbox: "NONE"}))),
		ask("findEvents", operator.FindEvents, just(operator.Matching(operator.EventFilter{Outcome: "lost"}))),
		ask("findEvents", operator.FindEvents, just(operator.Matching(operator.EventFilter{Patient: "1234567890"}))),
		ask("findEvents", operator.FindEvents, just(operator.Matching(operator.EventFilter{Patient: "9912003888"}))),
		ask("showEvent", operator.ShowEvent, func(p planted) operator.EventRef { return operator.EventRef{Event: p.deliveries[0]} }),
		ask("showEvent", operator.ShowEvent, just(operator.EventRef{Event: "none"})),
		ask("readEvent", operator.ReadEvent, func(p planted) operator.EventReading {
			return operator.EventReading{Event: p.deliveries[0], Reason: "test"}
		}),
		ask("readEvent", operator.ReadEvent, func(p planted) operator.EventReading { return operator.EventReading{Event: p.deliveries[0]} }),
		ask("readEvent", operator.ReadEvent, just(operator.EventReading{Event: "none", Reason: "test"})),
		ask("explainEvent", operator.ExplainEvent, func(p planted) operator.Search[operator.EventQuestion] {
			return operator.Matching(operator.EventQuestion{Event: p.deliveries[0]})
		}),
		ask("explainEvent", operator.ExplainEvent, just(operator.Matching(operator.EventQuestion{Event: "none"}))),
		ask("explainMessage", operator.ExplainMessage, just(operator.Matching(operator.MessageQuestion{Message: "<Bundle/>"}))),
		ask("createSignInLink", operator.CreateSignInLink, just(operator.LinkRequest{Roles: []operator.Role{operator.Viewer}, User: "jan"})),
		ask("createSignInLink", operator.CreateSignInLink, just(operator.LinkRequest{Roles: []operator.Role{"king"}})),
		ask("createSignInLink", operator.CreateSignInLink, just(operator.LinkRequest{})),
		ask("listSessions", operator.ListSessions, just(operator.Paging{})),
		ask("endSession", operator.EndSession, just(operator.SessionRef{N: 99})),
		ask("revealPatients", operator.RevealPatients, just(operator.Reveal{Page: "events/1", Reason: "An incident", Patients: []string{"9912003888"}})),
		ask("revealPatients", operator.RevealPatients, just(operator.Reveal{Page: "events/1"})),
		ask("revealPatients", operator.RevealPatients, just(operator.Reveal{Reason: "An incident", Patients: []string{"1234567890"}})),
		ask("tellPatient", operator.TellPatient, just(operator.Matching(operator.StoryFilter{Patient: "9912003888", To: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Reason: "test"}))),
		ask("tellPatient", operator.TellPatient, just(operator.Matching(operator.StoryFilter{Patient: "9912003888"}))),
		ask("tellPatient", operator.TellPatient, just(operator.Matching(operator.StoryFilter{Patient: "1234567890", Reason: "test"}))),
		{"verifyAudit", verified},
		{"exportChain", actionsOfChain},
		ask("searchAudit", operator.SearchAudit, just(operator.Matching(operator.Filter{Action: "system-put", Newest: true}))),
		ask("searchAudit", operator.SearchAudit, just(operator.Matching(operator.Filter{Patient: "1234567890"}))),
	}
}

// verified is what verifying says. How many links there are depends on timing.
func verified(ctx context.Context, f operator.Face, _ planted) (any, error) {
	v, err := operator.VerifyAudit.Do(ctx, f, operator.None{})
	return []any{v.Sound, v.Whole, v.Text, v.Problems}, err
}

// actionsOfChain returns the actions in an exported chain. How entries are
// distributed over links depends on timing.
func actionsOfChain(ctx context.Context, f operator.Face, _ planted) (any, error) {
	var actions []string
	for link, err := range operator.Each(ctx, f, operator.ExportChain, operator.Matching(operator.ChainFilter{})) {
		if err != nil {
			return nil, err
		}
		for _, e := range link.Entries {
			// They are recorded, and join a commit some time later.
			if slices.Contains([]audit.Action{audit.ActionExplain, audit.ActionReveal, audit.ActionReadEvent, audit.ActionReadStory, audit.ActionVerifyAudit, audit.ActionFindEvents}, e.Action) {
				continue
			}
			actions = append(actions, string(e.Action)+" by "+e.User)
		}
	}
	return actions, nil
}

// TestFacesOfTheDesk checks that a request has the same outcome, including each
// member of an error, whether it goes to the desk in this process, over HTTP, or
// through a command.
func TestFacesOfTheDesk(t *testing.T) {
	template := t.TempDir()
	p := plant(t, template)
	for name := range operations(t) {
		if !slices.ContainsFunc(requests(), func(r asked) bool { return r.verb == name }) {
			t.Errorf("the verb %s has no request in requests(), in this file: add one that succeeds and one for each error", name)
		}
	}
	outcomes := map[string][]string{}
	for name, with := range map[string]func(t *testing.T, folder string, work func(operator.Face) error) error{"desk": onDesk, "http": overHTTP, "command": byCommand} {
		folder := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(folder, os.DirFS(template)); err != nil {
			t.Fatal(err)
		}
		err := with(t, folder, func(f operator.Face) error {
			for _, r := range requests() {
				answer, err := r.do(t.Context(), f, p)
				outcomes[name] = append(outcomes[name], r.verb+": "+told(t, answer, err))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []string{"http", "command"} {
		if diff := cmp.Diff(outcomes["desk"], outcomes[other]); diff != "" {
			t.Errorf("-desk +%s:\n%s", other, diff)
		}
	}
}

// operations returns the operationIds of the API with their roles.
func operations(t *testing.T) map[string]string {
	t.Helper()
	var api struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Role        string `json:"x-nems-role"`
		}
	}
	if err := json.Unmarshal(operator.OpenAPI(), &api); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, path := range api.Paths {
		for _, o := range path {
			out[o.OperationID] = o.Role
		}
	}
	if len(out) < 18 {
		t.Fatalf("only %d operations", len(out))
	}
	return out
}

// changing matches what differs from run to run: moments, and the cursors of a key.
var changing = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ][\d:.]+(Z| UTC)|"next":"[^"]+"|"(chain|link)":\d+|token=\w+`)

// requestIDs are the ids of what came over HTTP; at a desk nobody sends any.
var requestIDs = regexp.MustCompile(`,"request":"[-0-9a-f]{36}"`)

// told is an outcome as text.
func told(t *testing.T, answer any, err error) string {
	t.Helper()
	text, wrong := json.Marshal(answer)
	if wrong != nil {
		t.Fatal(wrong)
	}
	told := changing.ReplaceAllString(requestIDs.ReplaceAllString(string(text), ""), "~")
	if err == nil {
		return told
	}
	var e *operator.Error
	if !errors.As(err, &e) {
		t.Errorf("expected an operator's error; received %T: %v", err, err)
		return ""
	}
	return fmt.Sprintf("%s%q field %q expected %q received %q retryable %v: %v", e.Code, e.Message, e.Field, e.Expected, e.Received, e.Retryable(), err)
}

func onDesk(_ *testing.T, folder string, work func(operator.Face) error) error {
	d, done, err := datafolder.OpenDesk(folder, "")
	if err != nil {
		return err
	}
	d.User = account()
	return errors.Join(work(d), done())
}

func overHTTP(t *testing.T, folder string, work func(operator.Face) error) error {
	d, done, err := datafolder.OpenDesk(folder, "")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	operator.Handler{Desk: d, Admit: operator.Bearer("a token"), Log: slog.New(slog.DiscardHandler)}.Mount(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	c := &operator.Client{Access: operator.Access{URL: server.URL, Token: "a token"}, User: account(), HTTP: &http.Client{Transport: newDescribed(t, http.DefaultTransport)}}
	return errors.Join(work(c), done())
}

func byCommand(_ *testing.T, folder string, work func(operator.Face) error) error {
	return operated{Data: folder}.with(work)
}

// plant makes a database with two copies for a remote mailbox and a subscription
// that waits for approval.
func plant(t *testing.T, folder string) planted {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqlite.Open(filepath.Join(folder, "nems.db"), sqlite.Options{})
	must(err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- db.Run(ctx) }()
	row, err := db.PutMailbox(ctx, store.Mailbox{ID: "FAR", ODS: "RR8", Remote: true})
	must(err)
	now := time.Now()
	var p planted
	for i, status := range []subscription.Status{subscription.Active, subscription.Requested} {
		criteria, err := subscription.ParseCriteria(fmt.Sprintf(
			"/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=vaccinations-%d", i+1))
		must(err)
		s := subscription.Subscription{ID: subscription.NewID(now.Add(time.Duration(i) * time.Millisecond)), ASID: "200000000115", ODS: "RR8", Mailbox: "FAR",
			Criteria: criteria, Status: status, Reason: "test", Created: now, Version: 1}
		must(db.Subscribe(ctx, s, audit.Entry{At: now, Action: audit.ActionSubscribe}))
		p.requested = s.ID.String()
	}
	for range 2 {
		event, body := db.NextPosition(), []byte("<Bundle/>")
		_, err := db.AcceptEvent(ctx, store.Acceptance{Event: event, Code: "vaccinations-1", Kind: "new", Workflow: "VACCINATIONS_1", MessageID: "m",
			Publisher: "300000000161", Body: store.Compress(body, sha256.Sum256(body)), Audit: audit.Entry{At: now, Action: audit.ActionPublish},
			Facts: subscription.Facts{EventCode: "vaccinations-1", At: db.Moment(event), Keys: []subscription.RouteKey{{Kind: subscription.ByPatient, Value: "9912003888"}}}})
		must(err)
		p.deliveries = append(p.deliveries, store.DeliveryID(event, row))
	}
	stop()
	must(errors.Join(<-ended, db.Close()))
	return p
}
