package operator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"nems/internal/audit"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/plain"
	"nems/internal/store"
	"nems/internal/subscription"
)

// StoryFilter asks for the story of one patient.
type StoryFilter struct {
	// Patient is an NHS number. It travels in bodies only, never in a URL.
	Patient string `json:"patient" jsonschema:"an NHS number"`
	// From and To bound the moments of what is told: [From, To).
	From   time.Time `json:"from,omitzero" jsonschema:"not before"`
	To     time.Time `json:"to,omitzero" jsonschema:"before"`
	Reason string    `json:"reason" jsonschema:"why you look: 1 to 200 characters; it is recorded"`
}

// StoryEntry is one thing that happened about a patient. What comes from the audit
// has its place in the chain; what the store tells of now has none.
type StoryEntry struct {
	At   time.Time `json:"at,omitzero"` // zero for a note about the whole story
	Kind StoryKind `json:"kind" jsonschema:"published, refused, matched, copy, collected, read, subscription, look-up, directory, other or note"`
	Text string    `json:"text"`          // a sentence, without the patient's number
	Who  string    `json:"who,omitempty"` // in words
	// Reason is why it was done: reason_for_request of a system, an operator's own words.
	Reason  string `json:"reason,omitempty"`
	Patient string `json:"patient,omitempty"` // the NHS number that it names

	Event        int64  `json:"event,omitempty"`
	EventType    string `json:"eventType,omitempty"`
	Subscription string `json:"subscription,omitempty"`
	Mailbox      string `json:"mailbox,omitempty"`
	Delivery     string `json:"delivery,omitempty"`

	Action      audit.Action `json:"action,omitempty"`
	Certificate string       `json:"certificate,omitempty"`
	ASID        nhs.ASID     `json:"asid,omitempty"`
	ODS         nhs.ODSCode  `json:"ods,omitempty"`
	User        string       `json:"user,omitempty"`
	Outcome     string       `json:"outcome,omitempty"`
	Status      int          `json:"status,omitempty"`
	Count       int          `json:"count,omitempty"`
	Chain       int64        `json:"chain,omitempty"`
	Link        int64        `json:"link,omitempty"`
}

// StoryKind says what sort of thing happened.
type StoryKind string

// The kinds.
const (
	StoryPublished    StoryKind = "published"
	StoryRefused      StoryKind = "refused"      // whatever was asked for
	StoryMatched      StoryKind = "matched"      // an event that had waited for the patient directory
	StoryCopy         StoryKind = "copy"         // one was made, or an operator or the service did something to it
	StoryCollected    StoryKind = "collected"    // a mailbox's owner took it
	StoryRead         StoryKind = "read"         // a mailbox's owner looked at it
	StorySubscription StoryKind = "subscription" // created, approved, ended, deleted
	StoryLookUp       StoryKind = "look-up"      // somebody looked
	StoryDirectory    StoryKind = "directory"    // the record in the directory changed
	StoryOther        StoryKind = "other"
	StoryNote         StoryKind = "note" // about the story itself
)

// Bounds of one page. mostExpanded is how many events and subscriptions are looked
// up: to find the copies of an event costs a look at each mailbox. mostEnded is how
// many subscriptions of the patient are looked at for their ends. Of links few are
// read, because each may hold the entries of hundreds of others.
const (
	storyLinks    = 100
	mostExpanded  = 12
	mostEnded     = 1000
	storyEffort   = 40_000
	longestReason = 200
)

// storyPlace is where a story goes on.
type storyPlace struct {
	Patients []string // the number asked for, and the one that supersedes it
	Rest     store.AuditSpan
	Read     int   // entries of the first link that were read
	Copies   int64 // the event whose copies behind Mailbox come next; 0 for none
	Mailbox  int64
	About    string      // the patient of that event
	Ended    storyEnding // the last one that was told
}

// storyEnding is the end of a subscription.
type storyEnding struct {
	At time.Time
	ID string
}

func (a storyEnding) compare(b storyEnding) int {
	return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID))
}

// story tells what happened about one patient, oldest first, as of the moment of its
// first page. That somebody looks is recorded, with the reason.
func (d Desk) story(ctx context.Context, s Search[StoryFilter]) (none Page[StoryEntry], err error) {
	f := s.Filter
	patient, err := nhs.ParseNHSNumber(f.Patient)
	if err != nil {
		return none, invalid("patient", "patient: %s", err)
	}
	if err := reasoned(f.Reason); err != nil {
		return none, err
	}
	l, err := list[storyPlace](d, "story", f, s.Paging)
	if err != nil {
		return none, err
	}
	t := telling{desk: d, listing: l, names: d.names(ctx), at: l.after, remote: map[string]bool{}}
	if s.After == "" {
		d.Store.Record(d.storyEntry(f, patient))
		if err := t.begin(ctx, patient); err != nil {
			return none, err
		}
	}
	for _, digits := range t.at.Patients {
		n, err := nhs.ParseNHSNumber(digits)
		if err != nil {
			return none, err
		}
		t.patients = append(t.patients, n)
	}
	return t.page(ctx)
}

// reasoned checks a reason that somebody has to give.
func reasoned(text string) error {
	n := utf8.RuneCountInString(strings.TrimSpace(text))
	if n == 0 || n > longestReason || !utf8.ValidString(text) || plain.Line(text) != text {
		return expected("reason", "why, in 1 to 200 characters on one line", "another text")
	}
	return nil
}

// storyEntry says whose story is read, and why.
func (d Desk) storyEntry(f StoryFilter, patient nhs.NHSNumber) audit.Entry {
	e := d.entry(audit.ActionReadStory, "")
	e.Patient, e.Reason = patient, strings.TrimSpace(f.Reason)
	if text, err := json.Marshal(Filter{From: f.From, To: f.To}); err == nil && len(text) > len("{}") {
		e.Object = string(text)
	}
	return e
}

// telling is one page of a story.
type telling struct {
	listing  listing[storyPlace]
	desk     Desk
	names    subscription.Names
	patients []nhs.NHSNumber
	at       storyPlace
	endings  []storyEnding
	mailbox  map[string]string // of a subscription that has ended
	remote   map[string]bool   // mailboxes that a MESH outside serves
	expanded int
	out      []StoryEntry
}

// begin finds out what there is, and says what is to be said first.
func (t *telling) begin(ctx context.Context, patient nhs.NHSNumber) (err error) {
	f := t.filter()
	t.at.Patients = []string{patient.Digits()}
	t.at.Rest, err = t.desk.Store.AuditSpan(ctx, sooner(f.From), later(f.To))
	if err != nil || t.desk.Patients == nil {
		return err
	}
	record, err := t.desk.Patients.Patient(ctx, patient)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		t.note("The patient directory does not have this number.")
	case err != nil:
		t.note("The patient directory is away: whether this number was superseded is not known.")
	case !record.SupersededBy.IsZero():
		t.at.Patients = append(t.at.Patients, record.SupersededBy.Digits())
		t.note("This number was superseded. The story goes on with what is told of the number that supersedes it.")
		t.out[len(t.out)-1].Patient = record.SupersededBy.Digits()
	}
	return nil
}

func (t *telling) filter() StoryFilter { return t.listing.filter.(StoryFilter) } //nolint:forcetypeassert // story made it

func (t *telling) note(text string) {
	t.out = append(t.out, StoryEntry{Kind: StoryNote, Text: text})
}

// page tells on from the place until the page is full or has cost enough.
func (t *telling) page(ctx context.Context) (none Page[StoryEntry], err error) {
	if err := t.findEndings(ctx); err != nil {
		return none, err
	}
	full, err := t.copies(ctx)
	if err != nil || full {
		return t.seal(err)
	}
	about, err := t.desk.Store.AuditAbout(ctx, t.at.Rest, t.patients, min(t.listing.limit, storyLinks), storyEffort)
	if err != nil {
		return none, err
	}
	for _, link := range about.Links {
		t.at.Rest.First = link.ID
		if full, err := t.link(ctx, link); err != nil || full {
			return t.seal(err)
		}
		t.at.Rest.First, t.at.Read = link.ID+1, 0
	}
	if t.at.Rest = about.Rest; !about.Whole() {
		return t.seal(nil)
	}
	if t.ended(time.Time{}) {
		return t.seal(nil)
	}
	t.close()
	return Page[StoryEntry]{Items: t.sorted()}, nil
}

// seal ends a page before the end.
func (t *telling) seal(err error) (none Page[StoryEntry], _ error) {
	if err != nil {
		return none, err
	}
	next, err := t.desk.seal(t.listing.name, t.listing.filter, t.at)
	return Page[StoryEntry]{Items: t.sorted(), Next: next}, err
}

// sorted puts the page into the order of time. Entries that were only recorded join a
// commit some time later, behind others that came after them.
func (t *telling) sorted() []StoryEntry {
	slices.SortStableFunc(t.out, func(a, b StoryEntry) int { return a.At.Compare(b.At) })
	return append([]StoryEntry{}, t.out...)
}

// close says how far the story can be relied on.
func (t *telling) close() {
	text := "No checkpoint of the audit is at hand: whether entries were changed or cut off cannot be shown."
	if t.desk.Signed != nil {
		if c, err := t.desk.Signed(); err == nil && !c.At.IsZero() {
			text = "The audit was signed last at " + moment(c.At) + ". Verifying it shows whether anything up to then was changed."
		}
	}
	text += " Messages, copies and ended subscriptions are removed after the time for which the service keeps them; the audit is kept."
	t.out = append(t.out, StoryEntry{At: t.desk.Now(), Kind: StoryNote, Text: text})
}

func moment(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

func (t *telling) room() bool { return len(t.out) < t.listing.limit && t.expanded < mostExpanded }

// within tells whether a moment is asked for.
func (t *telling) within(at time.Time) bool {
	f := t.filter()
	return (f.From.IsZero() || !at.Before(f.From)) && (f.To.IsZero() || at.Before(f.To))
}

// link tells the entries of a link. Its answer is whether the page is full.
func (t *telling) link(ctx context.Context, link store.AuditLink) (full bool, err error) {
	entries, err := link.Unpack()
	if err != nil {
		return false, unreadable(link.Link, err)
	}
	for _, e := range entries[min(t.at.Read, len(entries)):] {
		if !slices.Contains(t.patients, e.Patient) || !t.within(e.At) {
			t.at.Read++
			continue
		}
		if t.ended(e.At) || !t.room() {
			return true, nil
		}
		told := t.tell(e)
		told.Chain, told.Link = link.Chain, link.Seq
		if err := t.add(ctx, told); err != nil {
			return false, err
		}
		t.at.Read++
		if full, err := t.copies(ctx); err != nil || full {
			return full, err
		}
	}
	return false, nil
}

// add adds what an entry tells, with what the store has of it still.
func (t *telling) add(ctx context.Context, told StoryEntry) error {
	switch {
	case told.Outcome != "":
	case told.Action == audit.ActionPublish && told.Event != 0:
		t.expanded++
		event, err := t.desk.Store.AcceptedEvent(ctx, store.EventID(told.Event))
		switch {
		case errors.Is(err, store.ErrNotFound):
			told.Text += " What became of it is not kept any more."
		case err != nil:
			return err
		case event.Withheld:
			told.Text += " " + noteWithheld
		case event.Waiting:
			told.Text += " The patient directory was away: it waits to be matched."
		default:
			t.at.Copies, t.at.Mailbox, t.at.About = told.Event, 0, told.Patient
		}
	case told.Action == audit.ActionSubscribe:
		t.expanded++
		id, err := subscription.ParseID(told.Subscription)
		if err != nil {
			break
		}
		s, err := t.desk.Store.Subscription(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			told.Text += " It was deleted, or ended and was removed."
		case err != nil:
			return err
		case len(s.Criteria.Events) > 0:
			told.Text += " It asks for " + subscription.Sentence(s.Criteria, t.names) + "."
		}
	}
	t.out = append(t.out, told)
	return nil
}

// copies tells of the copies of the event that was told of last. Its answer is whether
// the page is full before the last one.
func (t *telling) copies(ctx context.Context) (full bool, err error) {
	for t.at.Copies != 0 {
		left := t.listing.limit - len(t.out)
		if left <= 0 {
			return true, nil
		}
		found, err := t.desk.Store.EventDeliveries(ctx, store.EventID(t.at.Copies), t.at.Mailbox, left)
		if err != nil {
			return false, err
		}
		for i := range found {
			told, err := t.copy(ctx, &found[i])
			if err != nil {
				return false, err
			}
			t.out = append(t.out, told)
			t.at.Mailbox = found[i].Mailbox
		}
		if len(found) < left {
			t.at.Copies, t.at.Mailbox, t.at.About = 0, 0, ""
		}
	}
	return false, nil
}

// copy tells what a copy is for, and what became of it.
func (t *telling) copy(ctx context.Context, c *store.Delivery) (told StoryEntry, err error) {
	remote, known := t.remote[c.MailboxID]
	if !known {
		box, err := t.desk.Store.Mailbox(ctx, c.MailboxID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return told, err
		}
		remote, t.remote[c.MailboxID] = box.Remote, box.Remote
	}
	shown := ExplainedCopy{State: c.State, At: c.At, Error: c.ErrorText, Remote: remote}
	if c.ErrorCode != "" {
		shown.Error = c.ErrorCode + " " + c.ErrorText
	}
	ids := make([]string, len(c.Subscriptions))
	for i, id := range c.Subscriptions {
		ids[i] = id.String()
	}
	return StoryEntry{
		At: c.Accepted, Kind: StoryCopy, Text: fmt.Sprintf("It matched %s of the mailbox %s. The copy %s.", numbered(len(ids), "subscription"), c.MailboxID, shown.told(c.MailboxID)),
		Event: int64(c.Event), EventType: c.Code, Mailbox: c.MailboxID, Delivery: c.ID, Subscription: strings.Join(ids, " "), Who: theService, Patient: t.at.About,
	}, nil
}

// numbered is a number with its noun.
func numbered(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		noun = stem + "ie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// findEndings lists when subscriptions to the patient ended by their own end: no entry
// of the audit tells of that.
func (t *telling) findEndings(ctx context.Context) error {
	found, err := t.desk.Store.AllSubscriptions(ctx, store.SubscriptionQuery{Patients: t.patients, Max: mostEnded})
	if err != nil {
		return err
	}
	t.mailbox = map[string]string{}
	for _, s := range found {
		e := storyEnding{s.End, s.ID.String()}
		own := s.Error == "" // the audit has those that an operator ended
		if own && s.Status == subscription.Off && !s.End.IsZero() && !s.End.After(t.desk.Now()) && t.within(s.End) && t.at.Ended.compare(e) < 0 {
			t.endings = append(t.endings, e)
			t.mailbox[e.ID] = s.Mailbox
		}
	}
	slices.SortFunc(t.endings, storyEnding.compare)
	return nil
}

// ended tells of the ends up to a moment; the zero time means all. Its answer is
// whether the page is full before the last one.
func (t *telling) ended(upTo time.Time) (full bool) {
	for len(t.endings) > 0 && (upTo.IsZero() || !t.endings[0].At.After(upTo)) {
		if !t.room() {
			return true
		}
		e := t.endings[0]
		t.endings, t.at.Ended = t.endings[1:], e
		t.out = append(t.out, StoryEntry{
			At: e.At, Kind: StorySubscription, Text: "A subscription of the mailbox " + t.mailbox[e.ID] + " ended at its own end.",
			Subscription: e.ID, Mailbox: t.mailbox[e.ID], Who: theService,
		})
	}
	return false
}
