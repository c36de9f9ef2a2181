package operator

import (
	"context"
	"io"
)

// Asked is a request of a verb as it goes over HTTP, without what names a patient.
type Asked struct {
	Verb, Method string
	Path         string // below the service's address, with its query
	Body         string // JSON; "" for none
}

// longestBody is how long a body may be that is shown.
const longestBody = 600

// Recorded is a face that notes what is asked of another one.
func Recorded(f Face, note func(Asked)) Face { return recorded{f, note} }

type recorded struct {
	Face
	note func(Asked)
}

func (r recorded) ask(ctx context.Context, a act, request, answer any) error {
	if sent, err := a.about().write(ctx, "http://nems.invalid", request); err == nil {
		asked := Asked{Verb: a.about().name, Method: a.about().method, Path: withoutNHSNumbers(sent.URL.RequestURI())}
		if sent.Body != nil {
			body, _ := io.ReadAll(io.LimitReader(sent.Body, longestBody+1)) // from memory
			if asked.Body = withoutNHSNumbers(string(body)); len(body) > longestBody {
				asked.Body = `{"…": "too long to be shown"}`
			}
		}
		r.note(asked)
	}
	return r.Face.ask(ctx, a, request, answer)
}

// Described is a verb for a reference: what it is called and does.
type Described struct {
	Name, Method, Path, Summary string
	Role                        Role
}

// Reference lists the verbs in the order of their table.
func Reference() []Described {
	out := make([]Described, len(verbs))
	for i, a := range verbs {
		s := a.about()
		out[i] = Described{s.name, s.method, Prefix + s.path, s.summary, s.role}
	}
	return out
}
