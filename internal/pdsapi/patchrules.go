package pdsapi

import (
	"slices"
	"strings"
)

// identity is the member by which a patch names an item of a list.
func identity(list string) string {
	if list == "extension" {
		return "url"
	}
	return "id"
}

// ofList reports whether a patch is about a list whose items have identities.
func (p patch) ofList() bool { return slices.Contains(lists, p.tokens[0]) }

// ofItem reports whether a patch is about a whole item of such a list.
func (p patch) ofItem() bool { return p.ofList() && len(p.tokens) == 2 }

// root is the path of the item that a patch is about.
func (p patch) root() string { return "/" + strings.Join(p.tokens[:min(2, len(p.tokens))], "/") }

// names reports whether a patch only says which item it means: PDS's way to do so
// is to add or replace its id by itself.
func (p patch) names() bool {
	return p.ofList() && len(p.tokens) == 3 && p.tokens[2] == identity(p.tokens[0]) && (p.op == "add" || p.op == "replace")
}

// permitted checks whether the patch at i may be made, before its values are
// looked at: the member must be one that can be updated, and the item that it
// changes must be named (patient-patch.yaml, Addition, Replacing, Removal).
func permitted(patches []patch, i int) *Fault {
	p := patches[i]
	if p.op == "test" {
		return nil
	}
	if !slices.Contains(members, p.tokens[0]) {
		return badUpdate("Update unsupported for resource - %s", quote(p.tokens[0]))
	}
	if !p.ofList() {
		return nil
	}
	switch {
	case len(p.tokens) == 1:
		return badUpdate("'%s' is a list - name one item of it, such as %s/0, or %s/- for a new one", p.path, p.path, p.path)
	case p.op == "remove":
		return precededByTest(patches, i)
	case p.op == "add" && p.ofItem():
		if p.tokens[1] != "-" {
			return badUpdate("a new item has the path '/%s/-', received '%s'", p.tokens[0], p.path)
		}
		return nil
	case !named(patches, p):
		return badUpdate("no id or url found for path with root %s", p.root())
	}
	return nil
}

// precededByTest checks that a removal comes right after a test of the same item.
func precededByTest(patches []patch, i int) *Fault {
	p := patches[i]
	if i == 0 {
		return badUpdate("removal '%s' is not immediately preceded by equivalent test - instead it is the first item", p.path)
	}
	if before := patches[i-1]; before.op != "test" || !before.identifies(p.root(), p.tokens[0]) {
		return badUpdate("removal '%s' is not immediately preceded by equivalent test - instead it is preceded by '%s' of '%s'", p.path, before.op, before.path)
	}
	return nil
}

// named reports whether one of the patches says which item a patch is about. An
// item of an extension's own extensions may say it by its url.
func named(patches []patch, p patch) bool {
	if slices.ContainsFunc(patches, func(other patch) bool { return other.identifies(p.root(), p.tokens[0]) }) {
		return true
	}
	o, ok := p.value.(object)
	return ok && p.tokens[0] == "extension" && len(p.tokens) == 4 && o["url"] != nil
}

// identifies reports whether a patch has the identity of the item at a root: as a
// value of its own, or in the whole item.
func (p patch) identifies(root, list string) bool {
	if p.root() != root || p.op == "remove" {
		return false
	}
	switch len(p.tokens) {
	case 2:
		o, ok := p.value.(object)
		return ok && o[identity(list)] != nil
	case 3:
		return p.tokens[2] == identity(list)
	}
	return list == "extension" && p.tokens[len(p.tokens)-1] == "url"
}

// sameItem checks that the item at a patch's index is the one that it names.
func sameItem(p patch, tree object) *Fault {
	items, _ := tree[p.tokens[0]].([]any)
	if _, fault := step(tree, patch{op: "test", path: p.path, tokens: p.tokens[:2], value: itemAt(items, p.tokens[1])}, p.tokens[:2]); fault != nil {
		return fault
	}
	return identical(p, items, itemAt(items, p.tokens[1]), p.value)
}

// identified checks the identity in a whole item that replaces another, and puts it
// in if another patch has named it.
func identified(p patch, tree object) (patch, *Fault) {
	items, _ := tree[p.tokens[0]].([]any)
	was, _ := itemAt(items, p.tokens[1]).(object)
	o, ok := p.value.(object)
	if was == nil || !ok {
		return p, nil // another check says what is wrong
	}
	key := identity(p.tokens[0])
	if o[key] != nil {
		return p, identical(p, items, was, o[key])
	}
	o = copyOf(o).(object)
	o[key], p.value = was[key], o
	return p, nil
}

// identical checks that an item has an identity.
func identical(p patch, items []any, item, id any) *Fault {
	key := identity(p.tokens[0])
	if o, ok := item.(object); ok && alike(o[key], id) {
		return nil
	}
	elsewhere := slices.ContainsFunc(items, func(other any) bool { o, ok := other.(object); return ok && alike(o[key], id) })
	what := "object id"
	if key == "url" {
		what = "url"
	}
	if elsewhere {
		return badUpdate("'%s' is not the item with the %s %s", p.root(), what, quote(shown(id)))
	}
	return badUpdate("no '%s' resources with %s %s", p.tokens[0], what, quote(shown(id)))
}

// itemAt returns an item of a list; nil if there is none.
func itemAt(items []any, index string) any {
	for i := range items {
		if index == itoa(i) {
			return items[i]
		}
	}
	return nil
}
