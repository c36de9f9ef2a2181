package console

import (
	"time"

	"nems/internal/operator"
)

// listed is how many items a page of a list has.
const listed = 50

// search asks for a page of what a filter selects: the next one where the URL has
// a cursor.
func search[F any](v *visit, f F) operator.Search[F] {
	s := operator.Matching(f)
	s.Limit, s.After = listed, v.text("after")
	return s
}

// whole hands on a page of a list, nil where there is none.
func whole[T any](found operator.Page[T], err error) (any, error) {
	if err != nil {
		return operator.Page[T]{}, err
	}
	return found, nil
}

// since reads how far back a search goes.
func since(v *visit, otherwise time.Duration) (time.Time, error) {
	text := v.text("since")
	if text == "" {
		return v.Now().Add(-otherwise), nil
	}
	back, err := time.ParseDuration(text)
	if err != nil || back <= 0 {
		return time.Time{}, &operator.Error{Code: operator.Invalid, Field: "since", Message: "since: expected how long ago, such as 24h"}
	}
	return v.Now().Add(-back), nil
}
