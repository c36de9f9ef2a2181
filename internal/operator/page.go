package operator

import (
	"context"
	"iter"
	"strconv"
)

// How many items a page has.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Paging asks for one page of a list.
type Paging struct {
	Limit int    `query:"limit" jsonschema:"how many items the page has at most: 1 to 1,000, by default 100"`
	After string `query:"after" jsonschema:"the next of the page before; without it the list begins"`
}

// limited reads how many items are wanted out of the parameter of that name.
func limited(name string, n int) (int, error) {
	if n == 0 {
		return DefaultLimit, nil
	}
	if n < 0 || n > MaxLimit {
		return 0, expected(name, "1 to "+strconv.Itoa(MaxLimit), strconv.Itoa(n))
	}
	return n, nil
}

// turn asks for the page behind the one that ended with a cursor.
func (p *Paging) turn(after string) {
	p.After = after
	if p.Limit == 0 {
		p.Limit = MaxLimit
	}
}

// Search asks for one page of what a filter selects.
type Search[F any] struct {
	Filter F `body:""`
	Paging
}

// Matching asks for what a filter selects, from the beginning.
func Matching[F any](f F) Search[F] { return Search[F]{Filter: f} }

// Page is one page of a list. It may be shorter than its limit, and even empty,
// before the end: a page costs a bounded effort, however little a filter
// selects. Only a page without Next is the last one.
type Page[T any] struct {
	Items []T `json:"items"`
	// Next is the cursor of the page that follows: opaque, good for the same
	// search by the same user until the service is started again.
	Next string `json:"next,omitempty" jsonschema:"the cursor of the next page; it is missing on the last one"`
}

// Each yields all that a search selects, in pages as large as they can be unless
// the request says otherwise. An error comes last.
func Each[T, Q any, P interface {
	*Q
	turn(after string)
}](ctx context.Context, f Face, v *Verb[Q, Page[T]], q Q) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := ""; ; {
			P(&q).turn(after)
			page, err := v.Do(ctx, f, q)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if after = page.Next; after == "" {
				return
			}
		}
	}
}

// All is what Each yields, as a list; nothing but the error when one comes.
func All[T, Q any, P interface {
	*Q
	turn(after string)
}](ctx context.Context, f Face, v *Verb[Q, Page[T]], q Q) ([]T, error) {
	all := []T{}
	for item, err := range Each[T, Q, P](ctx, f, v, q) {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}
