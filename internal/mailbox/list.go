package mailbox

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"nems/internal/mesh"
	"nems/internal/store"
)

// list answers "Check an inbox".
func (c *call) list() error {
	query := c.r.URL.Query()
	size, err := pageSize(query, mesh.DefaultPage, mesh.MinPage, mesh.MaxPage)
	if err != nil {
		return err
	}
	after, err := c.continueFrom(query)
	if err != nil {
		return err
	}
	q := store.InboxQuery{Mailbox: c.box.Row, After: after, Max: size + 1}
	if query.Has("workflow_filter") {
		f, err := mesh.ParseWorkflowFilter(query.Get("workflow_filter"))
		if text := query.Get("workflow_filter"); err != nil || len(text) < 2 || len(text) > 255 {
			return invalid{"query", "workflow_filter", "one of W, !W, W*, !W*, *W*, !*W*, 2 to 255 characters"}
		}
		q.Workflow = f.Match
	}
	page, err := c.Boxes.List(c.r.Context(), q)
	if err != nil {
		return err
	}
	more := len(page) > size
	page = page[:min(len(page), size)]
	if c.faults != nil {
		page = c.faults.disorder(page)
	}
	if c.version == mesh.V1 {
		return c.inbox(page, nil, 0)
	}
	count, err := c.approximateCount(after == 0 && q.Workflow == nil && !more, len(page))
	if err != nil {
		return err
	}
	return c.inbox(page, c.listLinks(query, page, more), count)
}

// answers are reused: a page of 500 ids is 15 KB.
var answers = sync.Pool{New: func() any { return new([]byte) }}

// inbox writes a page; links and count belong to version 2.
func (c *call) inbox(page []store.Message, links map[string]string, count int) error {
	room, _ := answers.Get().(*[]byte) // the pool holds nothing else
	defer answers.Put(room)
	b := append((*room)[:0], `{"messages":[`...)
	for i := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = mesh.AppendMessageID(b, int64(page[i].Position), page[i].Mailbox)
		b = append(b, '"')
	}
	b = append(b, ']')
	if c.version == mesh.V2 {
		more, err := json.Marshal(links)
		if err != nil {
			return fmt.Errorf("writing an answer: %w", err)
		}
		b = append(append(b, `,"links":`...), more...)
		b = strconv.AppendInt(append(b, `,"approx_inbox_count":`...), int64(count), 10)
	}
	*room = append(b, '}')
	c.write(http.StatusOK, c.version.MediaType(), *room)
	return nil
}

func messageID(m store.Message) string { return mesh.FormatMessageID(int64(m.Position), m.Mailbox) }

// listLinks are paths, not URLs: a client in use puts the host before them.
func (c *call) listLinks(query url.Values, page []store.Message, more bool) map[string]string {
	keep := url.Values{}
	for _, name := range []string{"max_results", "workflow_filter"} {
		if query.Has(name) {
			keep.Set(name, query.Get(name))
		}
	}
	path := "/messageexchange/" + url.PathEscape(c.box.ID) + "/inbox"
	links := map[string]string{"self": withQuery(path, keep)}
	if more {
		keep.Set("continue_from", continuation(c.box.Row, page[len(page)-1].Position))
		links["next"] = withQuery(path, keep)
	}
	return links
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// pageSize reads max_results.
func pageSize(query url.Values, usual, least, most int) (int, error) {
	if !query.Has("max_results") {
		return usual, nil
	}
	n, err := strconv.Atoi(query.Get("max_results"))
	if err != nil || n < least || n > most {
		return 0, invalid{"query", "max_results", "a whole number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most)}
	}
	return n, nil
}

// continuation names the end of a page: mailbox and position, opaque, and at
// least the 24 characters that the API's schema wants.
func continuation(row int64, last store.EventID) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(row))
	binary.BigEndian.PutUint64(b[8:], uint64(last))
	return base64.URLEncoding.EncodeToString(b[:])
}

// continueFrom reads continue_from: what continuation wrote or, as in version
// 1, the message id that ended the page before.
func (c *call) continueFrom(query url.Values) (store.EventID, error) {
	if !query.Has("continue_from") {
		return 0, nil
	}
	text := query.Get("continue_from")
	if strings.Contains(text, "_") {
		if position, row, err := mesh.ParseMessageID(text); err == nil && row == c.box.Row {
			return store.EventID(position), nil
		}
	}
	b, err := base64.URLEncoding.DecodeString(text)
	if err != nil || len(b) != 16 || binary.BigEndian.Uint64(b[:8]) != uint64(c.box.Row) || b[8] > 0x7f {
		return 0, invalid{"query", "continue_from", "not from links.next of this inbox"}
	}
	return store.EventID(binary.BigEndian.Uint64(b[8:])), nil
}

// count answers "Check an inbox count" (deprecated by MESH).
func (c *call) count() error {
	n, err := c.Boxes.Count(c.r.Context(), c.box.Row)
	if err != nil {
		return err
	}
	if c.version == mesh.V2 {
		return c.json(http.StatusOK, map[string]int{"count": n})
	}
	return c.json(http.StatusOK, map[string]any{"count": n, "internalID": reference(), "allResultsIncluded": true})
}

// counts remembers the depths of deep inboxes for a moment, since a client that
// pages through one asks again with every page. The API calls the number
// approximate.
type counts struct {
	mu    sync.Mutex
	known map[int64]counted
}

type counted struct {
	n  int
	at time.Time
}

const (
	countFor  = 5 * time.Second
	countMost = 10_000 // mailboxes remembered
)

// approximateCount is exact when the page is the whole inbox.
func (c *call) approximateCount(whole bool, page int) (int, error) {
	if whole {
		return page, nil
	}
	now := c.Now()
	c.counts.mu.Lock()
	known, ok := c.counts.known[c.box.Row]
	c.counts.mu.Unlock()
	if age := now.Sub(known.at); ok && age >= 0 && age < countFor {
		return known.n, nil
	}
	n, err := c.Boxes.Count(c.r.Context(), c.box.Row)
	if err != nil {
		return 0, err
	}
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	if c.counts.known == nil || len(c.counts.known) >= countMost {
		c.counts.known = make(map[int64]counted)
	}
	c.counts.known[c.box.Row] = counted{n, now}
	return n, nil
}
