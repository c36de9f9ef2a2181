package operator

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/controllers"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// mostControllerRows limits a change of the controller catalogue, which is one
// transaction.
const mostControllerRows = 20000

// ControllerRow is a row of the controller catalogue as it is shown.
type ControllerRow struct {
	ID string `json:"id"`
	controllers.Row
	// Permits says whether the row permits anything today, and Lacks why not.
	Permits bool   `json:"permits"`
	Lacks   string `json:"lacks,omitempty"`
	// Notice is what a person should do about it: evidence that expires, or a
	// review that is late.
	Notice string `json:"notice,omitempty"`
}

// ControllerFilter selects rows of the controller catalogue; "" means all.
type ControllerFilter struct {
	Organisation nhs.ODSCode `json:"organisation,omitempty"`
	Event        string      `json:"event,omitempty"`
	// Noticed selects the rows that a person should do something about.
	Noticed bool `json:"noticed,omitempty"`
}

// EncodeController returns a row as a store keeps it.
func EncodeController(r controllers.Row) (store.ControllerRow, error) {
	value, err := json.Marshal(r)
	return store.ControllerRow{ID: r.ID(), Value: value}, err
}

// DecodeController reads what EncodeController wrote.
func DecodeController(row store.ControllerRow) (r controllers.Row, err error) {
	if err := json.Unmarshal(row.Value, &r); err != nil {
		return r, fmt.Errorf("row %s of the controller catalogue cannot be read: %w", row.ID, err)
	}
	return r, nil
}

// ReadControllers reads the controller catalogue from a store.
func ReadControllers(ctx context.Context, from interface {
	ControllerRows(ctx context.Context) ([]store.ControllerRow, error)
}) (*controllers.Catalogue, error) {
	stored, err := from.ControllerRows(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]controllers.Row, len(stored))
	for i, row := range stored {
		if rows[i], err = DecodeController(row); err != nil {
			return nil, err
		}
	}
	return controllers.New(rows), nil
}

// showController returns a row as it is shown.
func (d Desk) showController(r controllers.Row) ControllerRow {
	lacks := r.Lacks(d.Now())
	notice, _ := r.Notice(d.Now())
	return ControllerRow{ID: r.ID(), Row: r, Permits: lacks == "", Lacks: lacks, Notice: notice}
}

// controllers lists rows of the controller catalogue by organisation, event type,
// role and setting.
func (d Desk) controllers(ctx context.Context, s Search[ControllerFilter]) (none Page[ControllerRow], err error) {
	l, err := list[string](d, "controller catalogue", s.Filter, s.Paging)
	if err != nil {
		return none, err
	}
	c, err := ReadControllers(ctx, d.Store)
	if err != nil {
		return none, err
	}
	var after controllers.Row // an id is read back to its parts, by which rows are ordered
	if parts := strings.Split(l.after, "/"); len(parts) >= 3 {
		after = controllers.Row{Organisation: nhs.ODSCode(parts[0]), Event: parts[1], Role: controllers.Role(parts[2]), Setting: strings.Join(parts[3:], "/")}
	}
	var found []ControllerRow
	for _, r := range c.Rows() {
		row := d.showController(r)
		switch f := s.Filter; {
		case l.after != "" && controllers.Order(r, after) <= 0,
			f.Organisation != "" && r.Organisation != f.Organisation, f.Event != "" && r.Event != f.Event, f.Noticed && row.Notice == "":
			continue
		}
		if found = append(found, row); len(found) > l.limit {
			break
		}
	}
	return page(l, found, func(r ControllerRow) string { return r.ID })
}

// ControllerChange changes the controller catalogue: all of it, or nothing.
type ControllerChange struct {
	// Rows are put, in place of rows with the same organisation, event type, role
	// and setting.
	Rows []controllers.Row `json:"rows,omitempty"`
	// Removed are ids of rows that are taken out. To end a permission, set its
	// status to ended instead: then it stays as a record.
	Removed []string `json:"removed,omitempty"`
	// Whole takes out every row that is not among Rows.
	Whole bool `json:"whole,omitempty"`
	// Reason is why it is changed, for the audit.
	Reason string `json:"reason,omitempty" jsonschema:"why the catalogue is changed, for the audit; needed unless it is only tried"`
	// Try changes nothing, and says what would change.
	Try bool `json:"try,omitempty"`
}

// ControllerChanged says what a change did, by the ids of the rows.
type ControllerChanged struct {
	Added   []string `json:"added,omitempty"`
	Changed []string `json:"changed,omitempty"`
	Removed []string `json:"removed,omitempty"`
	// Same counts rows that were put and are what they were.
	Same int `json:"same"`
}

// changeControllers changes the controller catalogue, in force on every node
// within a second. All rows are checked before the first is kept. Each changed
// row is an entry of the audit, with its author and the reason.
func (d Desk) changeControllers(ctx context.Context, c ControllerChange) (none ControllerChanged, err error) {
	if c.Reason = strings.TrimSpace(c.Reason); !c.Try && (c.Reason == "" || len(c.Reason) > mostReason) {
		return none, expected("reason", fmt.Sprintf("why the catalogue is changed, in at most %d bytes", mostReason), "")
	}
	if err := d.checkControllers(c.Rows); err != nil {
		return none, err
	}
	present, err := d.Store.ControllerRows(ctx)
	if err != nil {
		return none, err
	}
	changed, put, entries, err := d.differences(c, present)
	if err != nil || c.Try || len(entries) == 0 {
		return changed, err
	}
	return changed, d.Store.ChangeControllerRows(ctx, put, changed.Removed, entries)
}

// checkControllers returns Invalid for the first row that cannot be kept.
func (d Desk) checkControllers(rows []controllers.Row) error {
	if len(rows) > mostControllerRows {
		return invalid("rows", "at most %d rows are changed at once: received %d", mostControllerRows, len(rows))
	}
	types, seen := d.Types(), map[string]bool{}
	known := func(code string) bool { _, found := types.Type(code); return found || subscription.OnlyMNS(code) }
	for i, r := range rows {
		if problems := r.Validate(known); len(problems) > 0 {
			p := problems[0]
			return &Error{Code: Invalid, Field: "rows" + element(i, p.Member), Expected: p.Expected, Received: p.Received, Message: fmt.Sprintf("row %d (%s): %s", i+1, r.ID(), p)}
		}
		if seen[r.ID()] {
			return invalid("rows"+element(i, ""), "row %d: %s is there twice", i+1, r.ID())
		}
		seen[r.ID()] = true
	}
	return nil
}

// differences says what a change does to the rows that there are: what is put, and
// what the audit tells. NotFound for a row that is to be removed and is not there.
func (d Desk) differences(c ControllerChange, present []store.ControllerRow) (changed ControllerChanged, put []store.ControllerRow, entries []audit.Entry, err error) {
	was := make(map[string]string, len(present))
	for _, row := range present {
		was[row.ID] = string(row.Value)
	}
	record := func(action audit.Action, r controllers.Row, object string) {
		e := d.entry(action, object)
		e.ODS, e.EventType, e.Reason = r.Organisation, r.Event, c.Reason
		entries = append(entries, e)
	}
	for _, r := range c.Rows {
		row, err := EncodeController(r)
		if err != nil {
			return changed, nil, nil, err
		}
		switch before, there := was[row.ID]; {
		case !there:
			changed.Added = append(changed.Added, row.ID)
		case before == string(row.Value):
			changed.Same++
			delete(was, row.ID)
			continue
		default:
			changed.Changed = append(changed.Changed, row.ID)
		}
		delete(was, row.ID)
		put = append(put, row)
		record(audit.ActionPutController, r, digest(row.ID, row.Value))
	}
	if c.Whole {
		for id := range was {
			changed.Removed = append(changed.Removed, id)
		}
	}
	for _, id := range c.Removed {
		if _, there := was[id]; !there {
			return changed, nil, nil, named(store.ErrNotFound, "row", id)
		}
		changed.Removed = append(changed.Removed, id)
	}
	slices.Sort(changed.Removed)
	changed.Removed = slices.Compact(changed.Removed)
	for _, id := range changed.Removed {
		r, _ := DecodeController(store.ControllerRow{ID: id, Value: []byte(was[id])}) // one that cannot be read is removed all the same
		record(audit.ActionRemoveController, r, digest(id, []byte(was[id])))
	}
	return changed, put, entries, nil
}

// ControllerQuestion asks whether an organisation may do something.
type ControllerQuestion struct {
	Organisation nhs.ODSCode      `json:"organisation"`
	Role         controllers.Role `json:"role" jsonschema:"publisher or consumer"`
	Event        string           `json:"event"`
	Rule         string           `json:"rule,omitempty" jsonschema:"the rule of a subscription, such as EXPLICIT or UHV_POSTCODE_LACODE; without it: whether the organisation may have the events at all"`
	Code         string           `json:"code,omitempty" jsonschema:"the organisation or area that the rule names"`
	Grant        string           `json:"grant,omitempty" jsonschema:"what is needed beyond copies in a MESH mailbox: webhook, stream, queue, full-payload or replay"`
	Days         int              `json:"days,omitempty" jsonschema:"how many days back a replay reaches"`
	On           controllers.Date `json:"on,omitzero" jsonschema:"the day that is asked about; default: today"`
}

// ControllerVerdict is the answer.
type ControllerVerdict struct {
	Allowed bool `json:"allowed"`
	// Row permits it, or comes nearest to it; without an id if there is none.
	Row ControllerRow `json:"row,omitzero"`
	// Lacks says what is missing.
	Lacks string `json:"lacks,omitempty"`
}

// judgeController answers what the controller catalogue permits.
func (d Desk) judgeController(ctx context.Context, q ControllerQuestion) (none ControllerVerdict, err error) {
	if q.Role != controllers.Publisher && q.Role != controllers.Consumer {
		return none, expected("role", "publisher or consumer", string(q.Role))
	}
	if q.Rule != "" && !slices.Contains(controllers.Rules, q.Rule) {
		return none, expected("rule", "one of "+strings.Join(controllers.Rules, ", "), q.Rule)
	}
	c, err := ReadControllers(ctx, d.Store)
	if err != nil {
		return none, err
	}
	at := d.Now()
	if !q.On.IsZero() {
		at = q.On.Midnight()
	}
	v := c.Judge(controllers.Question{
		Organisation: q.Organisation, Role: q.Role, Event: q.Event, Rule: q.Rule, Code: q.Code, Grant: q.Grant,
		Back: time.Duration(q.Days) * 24 * time.Hour, At: at,
	})
	answer := ControllerVerdict{Allowed: v.Allowed, Lacks: v.Lacks}
	if v.Row != nil {
		answer.Row = d.showController(*v.Row)
	}
	return answer, nil
}

// ControllerOf names an organisation.
type ControllerOf struct {
	Organisation nhs.ODSCode `path:"organisation"`
}

// ControllerRights is all that the controller catalogue says of an organisation.
type ControllerRights struct {
	Organisation nhs.ODSCode     `json:"organisation"`
	Rows         []ControllerRow `json:"rows"`
	// Bags are the category bags of the Spine Directory that follow from the rows.
	Bags []string `json:"categoryBags,omitempty"`
	// Systems are the ASIDs of the systems that are registered for it, revoked ones too.
	Systems []nhs.ASID `json:"systems"`
}

// controllerRights shows all that the catalogue says of an organisation; NotFound
// if it says nothing.
func (d Desk) controllerRights(ctx context.Context, of ControllerOf) (none ControllerRights, err error) {
	c, err := ReadControllers(ctx, d.Store)
	if err != nil {
		return none, err
	}
	rights := ControllerRights{Organisation: of.Organisation}
	for _, r := range c.Rows() {
		if r.Organisation == of.Organisation {
			rights.Rows = append(rights.Rows, d.showController(r))
		}
	}
	if len(rights.Rows) == 0 {
		return none, named(store.ErrNotFound, "rows of organisation", string(of.Organisation))
	}
	types := d.Types()
	rights.Bags = c.Bags(of.Organisation, func(event string) string {
		if t, found := types.Type(event); found {
			return cmp.Or(t.Workflow, event)
		}
		return event
	}, d.Now())
	if rights.Systems, err = d.systemsOf(ctx, of.Organisation); err != nil {
		return none, err
	}
	return rights, nil
}
