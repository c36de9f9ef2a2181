package console

import (
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"

	"nems/internal/operator"
	"nems/internal/plain"
)

// mostExported is how many entries one file of a search has at most.
const mostExported = 100_000

// errFormat is the answer to a form that asks for a file of another kind.
var errFormat = &operator.Error{Code: operator.Invalid, Field: "export", Message: "export: expected csv or json"}

// export hands out a list as a file: a table for spreadsheets, or JSON with one
// object a line. The file's name says nothing of what was looked for.
func export[T any](v *visit, w http.ResponseWriter, name string, items iter.Seq2[T, error], csv func(io.Writer, iter.Seq2[T, error]) error) error {
	kind := v.text("export")
	if kind != "csv" && kind != "json" {
		return errFormat
	}
	// The first item tells whether there will be a file at all.
	next, stop := iter.Pull2(items)
	defer stop()
	first, err, some := next()
	if err != nil {
		return err
	}
	whole := func(yield func(T, error) bool) {
		for item, err, more := first, err, some; more; item, err, more = next() {
			if !yield(item, err) {
				return
			}
		}
	}
	h := w.Header()
	h.Set("Content-Disposition", `attachment; filename="`+name+"."+kind+`"`)
	if kind == "csv" {
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		return csv(w, whole)
	}
	h.Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(plain.JSON(w))
	for item, err := range whole {
		if err == nil {
			err = out.Encode(item)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// upTo ends a list with an error behind so many items: a file that was cut short in
// silence would be taken for the whole.
func upTo[T any](most int, items iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		n := 0
		for item, err := range items {
			if n++; n > most {
				var none T
				yield(none, errors.New("a file has at most 100,000 entries"))
				return
			}
			if !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// masking masks the patients of a list, unless whoever asks may see them in full.
func masking[T any](v *visit, items iter.Seq2[T, error], patient func(*T) *string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range items {
			if number := patient(&item); *number != "" && !v.shown {
				*number = masked(*number)
			}
			if !yield(item, err) {
				return
			}
		}
	}
}
