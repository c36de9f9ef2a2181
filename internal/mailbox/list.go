package mailbox

import (
	"context"
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
	filter, err := workflowFilter(query)
	if err != nil {
		return err
	}
	page, err := c.matching(filter, store.InboxQuery{Mailbox: c.box.Row, After: after, Max: size + 1})
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
	count, err := c.approximateCount(after == 0 && filter == (mesh.WorkflowFilter{}) && !more, len(page))
	if err != nil {
		return err
	}
	return c.inbox(page, c.listLinks(query, page, more), count)
}

// workflowFilter reads workflow_filter; without one it returns the zero filter.
func workflowFilter(query url.Values) (mesh.WorkflowFilter, error) {
	if !query.Has("workflow_filter") {
		return mesh.WorkflowFilter{}, nil
	}
	text := query.Get("workflow_filter")
	f, err := mesh.ParseWorkflowFilter(text)
	if err != nil || len(text) < 2 || len(text) > 255 {
		return f, invalid{"query", "workflow_filter", "one of W, !W, W*, !W*, *W*, !*W*, 2 to 255 characters"}
	}
	return f, nil
}

// maxSlice is how many rows of an inbox are read at once.
const maxSlice = 2000

// matching returns a page of the messages that pass a filter. It reads the inbox
// in slices, so that others get their turn in between. The first slice costs as
// much as any page, and is usually enough.
func (c *call) matching(f mesh.WorkflowFilter, q store.InboxQuery) ([]store.Listed, error) {
	most := q.Max
	slice, err := c.Boxes.List(c.r.Context(), q)
	if f == (mesh.WorkflowFilter{}) || err != nil {
		return slice, err
	}
	var page []store.Listed
	for {
		for _, m := range slice {
			if f.Match(m.Workflow) && len(page) < most {
				page = append(page, m)
			}
		}
		if len(page) == most || len(slice) < q.Max {
			return page, nil
		}
		q.After, q.Max = slice[len(slice)-1].Position, maxSlice
		err := c.reads(func(ctx context.Context) (err error) {
			slice, err = c.Boxes.List(ctx, q)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
}

// answers are reused, because a page of 500 ids has 15 KB.
var answers = sync.Pool{New: func() any { return new([]byte) }}

// inbox writes a page. Only version 2 has links and count.
func (c *call) inbox(page []store.Listed, links map[string]string, count int) error {
	room, _ := answers.Get().(*[]byte) // the pool holds only these
	defer answers.Put(room)
	b := append((*room)[:0], `{"messages":[`...)
	for i := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = mesh.AppendMessageID(b, int64(page[i].Position), c.box.Row)
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

// listLinks returns paths, not URLs, because a client in use puts the host before them.
func (c *call) listLinks(query url.Values, page []store.Listed, more bool) map[string]string {
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

// continuation encodes the end of a page: mailbox and position. It is opaque
// and has at least the 24 characters that the API's schema demands.
func continuation(row int64, last store.EventID) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(row))
	binary.BigEndian.PutUint64(b[8:], uint64(last))
	return base64.URLEncoding.EncodeToString(b[:])
}

// continueFrom reads continue_from: a result of continuation or, as in version
// 1, the last message id of the previous page.
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
		return 0, invalid{"query", "continue_from", "a value from links.next of this inbox"}
	}
	return store.EventID(binary.BigEndian.Uint64(b[8:])), nil
}

// count answers "Check an inbox count" (deprecated by MESH).
func (c *call) count() error {
	n, err := c.depth()
	if err != nil {
		return err
	}
	if c.version == mesh.V2 {
		return c.json(http.StatusOK, map[string]int{"count": n})
	}
	return c.json(http.StatusOK, map[string]any{"count": n, "internalID": reference(), "allResultsIncluded": true})
}

// depth counts the unread messages.
func (c *call) depth() (n int, err error) {
	err = c.reads(func(ctx context.Context) (err error) {
		n, err = c.Boxes.Count(ctx, c.box.Row)
		return err
	})
	return n, err
}

// counts remembers the number of messages in large inboxes for a moment,
// because a client that reads page by page asks again with every page. The API
// calls the number approximate.
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

// approximateCount returns the exact number if the page is the whole inbox.
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
	n, err := c.depth()
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
