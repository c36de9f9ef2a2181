package operator

import (
	"context"
	"reflect"
	"strings"
)

// Verb is one thing that can be asked of the desk: with a request Q, for an
// answer A. What is known of a verb stands in one line of the table in verbs.go;
// its handler, its call over HTTP and its part of the API's description follow.
type Verb[Q, A any] struct {
	spec
	run func(Desk, context.Context, Q) (A, error)
}

// Do asks for it. Whatever the face, the error is nil or an *Error, but for what
// keeps a Client from reaching the service.
func (v *Verb[Q, A]) Do(ctx context.Context, f Face, q Q) (A, error) {
	var answer, none A
	if err := f.ask(ctx, v, &q, &answer); err != nil {
		return none, err
	}
	return answer, nil
}

// Run is Do for those who only want to know that it was done.
func (v *Verb[Q, A]) Run(ctx context.Context, f Face, q Q) error {
	_, err := v.Do(ctx, f, q)
	return err
}

// Face is a way to the desk: a Desk is one, a Client of a running service another.
// They give the same answers and the same errors.
type Face interface {
	// ask has an act done. request and answer point to its types.
	ask(ctx context.Context, a act, request, answer any) error
}

// None is the answer of a verb that has nothing to say but that it was done.
type None struct{}

// spec is a verb without its types.
type spec struct {
	name         string // operationId of the API
	method, path string // path is relative to Prefix, with {parameters}
	role         Role
	summary      string
	binding      binding
	answer       reflect.Type
}

// act is a Verb of whichever types.
type act interface {
	about() *spec
	do(ctx context.Context, d Desk, request, answer any) error
}

func (s *spec) about() *spec { return s }

func (v *Verb[Q, A]) do(ctx context.Context, d Desk, request, answer any) (err error) {
	// Only Do and the handler come here, with these types.
	*answer.(*A), err = v.run(d, ctx, *request.(*Q)) //nolint:forcetypeassert
	return err
}

// ask does it here.
func (d Desk) ask(ctx context.Context, a act, request, answer any) error {
	if err := d.may(a.about().role); err != nil {
		return err
	}
	if err := a.do(ctx, d, request, answer); err != nil {
		return asError(err)
	}
	return nil
}

// verbs is the table, in the order of verbs.go.
var verbs []act

// verb enters a verb into the table.
func verb[Q, A any](name, endpoint string, role Role, summary string, run func(Desk, context.Context, Q) (A, error)) *Verb[Q, A] {
	method, path, _ := strings.Cut(endpoint, " ")
	v := &Verb[Q, A]{spec{name, method, path, role, summary, bindingOf(reflect.TypeFor[Q]()), reflect.TypeFor[A]()}, run}
	verbs = append(verbs, v)
	return v
}
