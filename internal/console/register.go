package console

import (
	"errors"
	"strings"

	"nems/internal/access"
	"nems/internal/catalogue"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/spine"
)

// registerSystem registers a system, or changes a registration, with a form that
// speaks the words of the file that nems systems put reads.
func (c *Console) registerSystem() page {
	p := page{path: "systems/{asid}", title: "Registration", within: "Systems", role: operator.Administrator, file: "register.html"}
	p.read = func(v *visit) (any, error) {
		if s, ok := v.result.(spine.Registration); ok {
			return s, nil
		}
		if v.PathValue("asid") == "new" {
			return spine.Registration{}, nil
		}
		s, err := operator.ShowSystem.Do(v, v.Desk, operator.SystemRef{ASID: nhs.ASID(v.PathValue("asid"))})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	p.act = func(v *visit) (out outcome, err error) {
		s := spine.Registration{}
		if before, err := operator.ShowSystem.Do(v, v.Desk, operator.SystemRef{ASID: nhs.ASID(v.text("asid"))}); err == nil {
			s.Keys = before.Keys // the form has no keys: they stay
		} else if !errors.Is(err, operator.NotFound) && !errors.Is(err, operator.Invalid) {
			return out, err
		}
		s.System = v.system()
		v.result = s
		if err := operator.PutSystems.Run(v, v.Desk, []spine.Registration{s}); err != nil {
			return out, err
		}
		return outcome{done: "The system " + string(s.ASID) + " is registered, on every node within a second."}, nil
	}
	return p
}

// system reads the form of a registration.
func (v *visit) system() access.System {
	s := access.System{
		ASID: nhs.ASID(strings.TrimSpace(v.text("asid"))), Name: v.text("name"), Party: v.text("party"), Spine: v.text("spine") != "",
		CertificateNames: v.words("certificateNames"), Interactions: v.words("interactions"), EventTypes: v.words("eventTypes"), Mailboxes: v.words("mailboxes"),
	}
	for _, code := range v.words("odsCodes") {
		s.ODSCodes = append(s.ODSCodes, nhs.ODSCode(strings.ToUpper(code)))
	}
	for _, kind := range v.form["kinds"] {
		s.Kinds = append(s.Kinds, access.SubscriptionKind(kind))
	}
	return s
}

// words are the words of a field, however they are separated.
func (v *visit) words(field string) []string {
	return strings.FieldsFunc(v.text(field), func(c rune) bool { return c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t' })
}

// registerMailbox keeps a mailbox, replacing one with the same id.
func (c *Console) registerMailbox() page {
	p := page{path: "mailboxes/new", title: "New mailbox", within: "Mailboxes", role: operator.Administrator, file: "registermailbox.html"}
	p.read = func(*visit) (any, error) { return struct{}{}, nil }
	p.act = func(v *visit) (out outcome, err error) {
		m := operator.Mailbox{ID: strings.TrimSpace(v.text("mailbox")), Name: v.text("name"), ODS: nhs.ODSCode(strings.ToUpper(strings.TrimSpace(v.text("ods")))), Password: v.text("password"), Remote: v.text("remote") != ""}
		v.form.Del("password")
		if err := operator.PutMailboxes.Run(v, v.Desk, []operator.Mailbox{m}); err != nil {
			return out, err
		}
		return outcome{done: "The mailbox " + m.ID + " is kept."}, nil
	}
	return p
}

// lifeCycle shows an event type, and moves it through its life.
func (c *Console) lifeCycle() page {
	p := page{path: "event-types/{code}", title: "Event type", within: "Event types", role: operator.Viewer, acts: operator.Administrator, file: "lifecycle.html"}
	find := func(v *visit) (operator.EventType, error) {
		for t, err := range operator.Each(v, v.Desk, operator.ListEventTypes, operator.Paging{}) {
			if err != nil || t.Code == v.PathValue("code") {
				return t, err
			}
		}
		return operator.EventType{}, &operator.Error{Code: operator.NotFound, Message: "there is no such event type"}
	}
	p.read = func(v *visit) (any, error) {
		t, err := find(v)
		if err != nil {
			return nil, err
		}
		return t, nil
	}
	p.act = func(v *visit) (out outcome, err error) {
		l := operator.LifeCycleOf{Code: v.PathValue("code"), LifeCycle: operator.LifeCycle{
			State: catalogue.State(v.text("state")), Deprecated: v.text("deprecated"), NoLongerSupported: v.text("no-longer-supported"), Withdrawn: v.text("withdrawn"), URL: v.text("url"),
		}}
		if v.text("confirmed") == "" {
			return outcome{ask: &question{Text: moved(l.Code, l.State), Confirm: "Set to " + string(l.State), Form: v.form}}, nil
		}
		if err := operator.SetLifeCycle.Run(v, v.Desk, l); err != nil {
			return out, err
		}
		return outcome{done: "Set: " + string(l.State) + ", on every node within a second."}, nil
	}
	return p
}

// moved says what a state of an event type means for those who use it.
func moved(code string, state catalogue.State) string {
	switch state {
	case catalogue.Deprecated:
		return code + " is announced to be withdrawn: publishing and subscribing go on, and each answer says so."
	case catalogue.NoLongerSupported:
		return code + " can still be published, with a notice; nobody can subscribe to it any more. Subscriptions that there are keep working."
	case catalogue.Withdrawn:
		return code + " can neither be published nor subscribed to any more."
	}
	return code + " is published and subscribed to without a notice."
}

// LifeStates are those of an event type, in the order of its life.
func (frame) LifeStates() []catalogue.State {
	return []catalogue.State{catalogue.Current, catalogue.Deprecated, catalogue.NoLongerSupported, catalogue.Withdrawn}
}
