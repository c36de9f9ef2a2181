package pdsapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// patch is one operation on a Patient: a JSON Patch (RFC 6902) with PDS's own
// rules, which no library of JSON Patch has (patient-patch.yaml, JSON Patch).
type patch struct {
	op, path string
	tokens   []string // of path, unescaped
	value    any
}

// patchesAtMost limits one request.
const patchesAtMost = 500

// lists are the members whose items have an id, or, of extension, a url.
var lists = []string{"name", "address", "telecom", "contact", "generalPractitioner", "extension"}

// parsePatches reads {"patches": [...]}. It checks each patch by itself; what it
// is about is checked when it is applied.
func parsePatches(body []byte) ([]patch, *Fault) {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return nil, badUpdate("the body is not JSON in UTF-8 without repeated members")
	}
	if _, bare := v.([]any); bare {
		return nil, badUpdate("No patches found - expected an object with the member 'patches', received a list")
	}
	o, ok := v.(object) // it may have other members, which say nothing to PDS
	if !ok {
		return nil, badUpdate("No patches found - expected an object with the member 'patches', received %s", quote(kindOf(v)))
	}
	items, ok := o["patches"].([]any)
	if o["patches"] != nil && !ok {
		return nil, wrongValue(kindOf(o["patches"]), "patches", "a list")
	}
	if len(items) == 0 {
		return nil, badUpdate("No patches found")
	}
	var f faults
	var out []patch
	for i, item := range f.list("patches", items, 1, patchesAtMost) {
		out = append(out, f.patch(strconv.Itoa(i), item))
	}
	return out, f.first
}

// patch reads one operation. at is its place in the list.
func (f *faults) patch(at string, v any) patch {
	o := f.object(at, v, "op", "path", "value")
	p := patch{op: f.needed(at+"/op", o["op"], 1000), path: f.needed(at+"/path", o["path"], 1000), value: o["value"]}
	if f.first != nil {
		return p
	}
	if !slices.Contains([]string{"add", "replace", "remove", "test"}, p.op) {
		f.add(badRequest(invalidValue, "Invalid value - "+quote(p.op)+" in field '"+at+"/op'"))
		return p
	}
	if p.path[0] != '/' || strings.HasSuffix(strings.NewReplacer("~0", "", "~1", "").Replace(p.path), "~") {
		f.add(wrongValue(p.path, at+"/path", "a JSON pointer such as /name/0"))
		return p
	}
	for _, token := range strings.Split(p.path[1:], "/") {
		p.tokens = append(p.tokens, strings.NewReplacer("~1", "/", "~0", "~").Replace(token))
	}
	_, has := o["value"]
	switch {
	case p.op == "remove" && has:
		f.add(surplus(at, []string{"value"}))
	case p.op != "remove" && !has:
		f.add(missing(at + "/value"))
	}
	return p
}

// apply returns what the patches make of a Patient. Either all are applied or none.
func apply(patches []patch, tree object) (object, *Fault) {
	changed, _ := copyOf(tree).(object)
	for i, p := range patches {
		if fault := permitted(patches, i); fault != nil {
			return nil, fault
		}
		if p.names() {
			if fault := sameItem(p, changed); fault != nil {
				return nil, fault
			}
			continue
		}
		if p.op == "add" && p.ofItem() {
			if o, ok := p.value.(object); ok {
				o = copyOf(o).(object)
				delete(o, "id") // the service gives it
				p.value = o
			}
		}
		if p.op == "replace" && p.ofItem() {
			var fault *Fault
			if p, fault = identified(p, changed); fault != nil {
				return nil, fault
			}
		}
		after, fault := step(changed, p, p.tokens)
		if fault != nil {
			return nil, fault
		}
		changed = after.(object)
	}
	return changed, nil
}

// step applies a patch to what the tokens lead to from here, and returns the node
// as it then is.
func step(node any, p patch, tokens []string) (any, *Fault) {
	token, last := tokens[0], len(tokens) == 1
	switch n := node.(type) {
	case object:
		child, has := n[token]
		if last {
			return n, stepMember(n, p, token, has)
		}
		if !has {
			// PDS adds to lists that are not there yet, too.
			if p.op != "add" || len(tokens) != 2 || tokens[1] != "-" && tokens[1] != "0" {
				return nil, nowhere(p, tokens[len(tokens)-1], tokens[1])
			}
			child = []any{}
		}
		after, fault := step(child, p, tokens[1:])
		if fault == nil {
			n[token] = after
		}
		return n, fault
	case []any:
		return stepItem(n, p, tokens)
	}
	return nil, nowhere(p, token, "")
}

// stepMember applies a patch to a member of an object.
func stepMember(n object, p patch, name string, has bool) *Fault {
	switch p.op {
	case "add":
		n[name] = copyOf(p.value)
	case "replace":
		if !has {
			return badUpdate("Invalid patch - can't replace non-existent object '%s'", name)
		}
		n[name] = copyOf(p.value)
	case "remove":
		if !has {
			return badUpdate("Invalid patch - can't remove non-existent object '%s'", name)
		}
		delete(n, name)
	case "test":
		if !has || !alike(n[name], p.value) {
			return failedTest(p)
		}
	}
	return nil
}

// stepItem applies a patch to a list, or to what an item of it holds.
func stepItem(n []any, p patch, tokens []string) (any, *Fault) {
	token, last := tokens[0], len(tokens) == 1
	if token == "-" && last && p.op == "add" {
		return append(n, copyOf(p.value)), nil
	}
	i, err := strconv.Atoi(token)
	if err != nil || strconv.Itoa(i) != token {
		return nil, badUpdate("Invalid patch - '%s' is not an index of a list", token)
	}
	if i < 0 || i > len(n) || i == len(n) && !(last && p.op == "add") {
		return nil, badUpdate("Invalid patch - index '%d' is out of bounds", i)
	}
	if !last {
		after, fault := step(n[i], p, tokens[1:])
		if fault == nil {
			n[i] = after
		}
		return n, fault
	}
	switch p.op {
	case "add":
		return slices.Insert(n, i, copyOf(p.value)), nil
	case "replace":
		n[i] = copyOf(p.value)
	case "remove":
		return slices.Delete(n, i, i+1), nil
	case "test":
		if !alike(n[i], p.value) {
			return nil, failedTest(p)
		}
	}
	return n, nil
}

// nowhere says that a path leads to nothing. next is the index that it wants in a
// list that is not there.
func nowhere(p patch, name, next string) *Fault {
	if _, err := strconv.Atoi(next); err == nil && p.op != "remove" {
		return badUpdate("Invalid patch - index '%s' is out of bounds", next)
	}
	verb := p.op
	if verb == "add" {
		verb = "add to"
	}
	return badUpdate("Invalid patch - can't %s non-existent object '%s'", verb, name)
}

func failedTest(p patch) *Fault {
	return badUpdate("Invalid patch - the test of '%s' failed: the record has another value there", p.path)
}

// alike compares as PDS does: a missing member is the same as an empty list.
func alike(a, b any) bool {
	switch x := a.(type) {
	case object:
		y, ok := b.(object)
		if !ok {
			return false
		}
		for name := range x {
			if !alike(x[name], y[name]) {
				return false
			}
		}
		for name := range y {
			if _, has := x[name]; !has && !empty(y[name]) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		return (ok || b == nil) && slices.EqualFunc(x, y, alike)
	case nil:
		return empty(b)
	}
	switch b.(type) {
	case object, []any:
		return false
	}
	return a == b
}

func empty(v any) bool {
	items, isList := v.([]any)
	return v == nil || isList && len(items) == 0
}

// copyOf copies a value with all that it holds.
func copyOf(v any) any {
	switch v := v.(type) {
	case object:
		out := make(object, len(v))
		for name, member := range v {
			out[name] = copyOf(member)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = copyOf(item)
		}
		return out
	}
	return v
}
