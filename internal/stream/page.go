package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// errBroken says that a defect has ended a stream.
var errBroken = errors.New("a defect")

// aside does something on a stack of its own: one on which the database was read, or
// something was encrypted, is large, and a goroutine that waits for hours would keep it.
func (r *reader) aside(ctx context.Context, do func() error) error {
	err := errBroken // if it panics
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.recover(ctx)
		err = do()
	}()
	<-done
	return err
}

// page reads a page and then writes it. The place is for reading alone: a reader that
// takes its page slowly keeps nobody else from reading. What it keeps is room in memory.
func (r *reader) page(ctx context.Context, out *lines) (more bool, err error) {
	if err := r.begin(ctx); err != nil {
		return false, err
	}
	text, more, err := r.read(ctx)
	if err != nil || len(text) == 0 {
		return more, err
	}
	defer r.room.empty(len(text))
	return more, out.send(text)
}

// begin takes a place while there is room for what is read. read gives it back.
func (r *reader) begin(ctx context.Context) error {
	for {
		select {
		case r.places <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		freed := r.room.full()
		if freed == nil {
			return nil
		}
		<-r.places
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read reads a page as server-sent events, as it is written, and takes room for it. The
// reader stands behind it then.
func (r *reader) read(ctx context.Context) (text []byte, more bool, err error) {
	defer func() { <-r.places }()
	found, err := r.next(ctx)
	if err != nil {
		return nil, false, err
	}
	var page bytes.Buffer
	if g := found.gap; g != nil {
		fmt.Fprintf(&page, "id: %s\nevent: gap\ndata: %s\n\n", r.at, packed(g))
	}
	for _, e := range found.events {
		if page.Len() >= pageBytes {
			found.more = true // the rest comes with the next page
			break
		}
		r.at.Number = e.Number
		fmt.Fprintf(&page, "id: %s\nevent: message\ndata: %s\n\n", r.at, r.render(e))
	}
	r.room.fill(page.Len())
	return page.Bytes(), found.more, nil
}
