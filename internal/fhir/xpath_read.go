package fhir

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// xpathReader reads an expression, with one token of look-ahead.
type xpathReader struct {
	rest    string
	token   string
	nameIDs map[string]uint16
}

// readXPath reads an expression. nameIDs has the names of STU3's elements.
func readXPath(source string, nameIDs map[string]uint16) (x *expr, err error) {
	r := &xpathReader{rest: source, nameIDs: nameIDs}
	defer func() {
		if fault, is := recover().(xpathFault); is {
			x, err = nil, fmt.Errorf("%s before %q", fault, r.token+r.rest)
		}
	}()
	r.next()
	x = truthOf(r.or())
	if r.token != "" {
		return nil, fmt.Errorf("an operator is missing before %q", r.token+r.rest)
	}
	return x, nil
}

// xpathFault says what is wrong with an expression.
type xpathFault string

// next reads a token: a text in quotes, a number, a name with its prefix, or a
// symbol.
func (r *xpathReader) next() {
	r.rest = strings.TrimLeft(r.rest, " ")
	length := min(1, len(r.rest))
	switch {
	case r.rest == "":
	case r.rest[0] == '\'':
		length = strings.IndexByte(r.rest[1:], '\'') + 2
	case strings.HasPrefix(r.rest, "f:*"), strings.HasPrefix(r.rest, "h:*"):
		length = 3
	case isAlphanumeric(r.rest[0]):
		for length < len(r.rest) && (isAlphanumeric(r.rest[length]) || r.rest[length] == '-' || length == 1 && r.rest[1] == ':') {
			length++
		}
	case slices.Contains([]string{"!=", "<=", ">=", "::"}, r.rest[:min(2, len(r.rest))]):
		length = 2
	}
	r.token, r.rest = r.rest[:length], r.rest[length:]
}

// take consumes the token if it is one of these, and returns it.
func (r *xpathReader) take(tokens ...string) string {
	if !slices.Contains(tokens, r.token) {
		return ""
	}
	taken := r.token
	r.next()
	return taken
}

func (r *xpathReader) expect(token string) {
	if r.take(token) == "" {
		panic(xpathFault(token + " is missing"))
	}
}

func (r *xpathReader) or() *expr {
	x := r.and()
	for r.take("or") != "" {
		x = &expr{op: opOr, args: []*expr{truthOf(x), truthOf(r.and())}}
	}
	return x
}

func (r *xpathReader) and() *expr {
	x := r.comparison()
	for r.take("and") != "" {
		x = &expr{op: opAnd, args: []*expr{truthOf(x), truthOf(r.comparison())}}
	}
	return x
}

var turned = map[string]string{"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (r *xpathReader) comparison() *expr {
	x := r.sum()
	comparison := r.take("=", "!=", "<", "<=", ">", ">=")
	if comparison == "" {
		return x
	}
	y := r.sum()
	if y.shape == nodesShape && x.shape != nodesShape {
		x, y, comparison = y, x, turned[comparison]
	}
	return &expr{op: opCompare, comparison: comparison, args: []*expr{x, y}}
}

func (r *xpathReader) sum() *expr {
	x := r.union()
	for r.take("+") != "" {
		x = &expr{op: opAdd, shape: numberShape, args: []*expr{x, r.union()}}
	}
	return x
}

func (r *xpathReader) union() *expr {
	x := r.operand()
	for r.take("|") != "" {
		x = &expr{op: opUnion, shape: nodesShape, args: []*expr{x, r.operand()}}
	}
	return x
}

// operand reads a constant, an expression in parentheses, a call or a path.
func (r *xpathReader) operand() *expr {
	token := r.token
	switch {
	case token == "(":
		return r.parentheses()
	case strings.HasPrefix(token, "'"):
		r.next()
		return &expr{op: opText, shape: textShape, text: []byte(token[1 : len(token)-1])}
	case token == "-" || token != "" && isDigit(token[0]):
		return r.numeral()
	case functions[token] != nil && strings.HasPrefix(strings.TrimSpace(r.rest), "("):
		r.next()
		return r.call(token)
	}
	return r.path()
}

func (r *xpathReader) numeral() *expr {
	text := r.take("-") + r.token
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(xpathFault("a number is missing"))
	}
	r.next()
	return &expr{op: opNumber, shape: numberShape, number: number}
}

// parentheses reads an expression in parentheses, or a list of texts.
func (r *xpathReader) parentheses() *expr {
	r.expect("(")
	x := r.or()
	if x.op == opText && r.token == "," {
		x = &expr{op: opList, shape: listShape, list: []string{string(x.text)}}
		for r.take(",") != "" {
			x.list = append(x.list, string(r.operand().text))
		}
	}
	r.expect(")")
	return x
}

// functions make an expression from the arguments of a call.
var functions = map[string]func(args []*expr) *expr{
	"true":  func([]*expr) *expr { return &expr{op: opBoolean, truth: true} },
	"false": func([]*expr) *expr { return &expr{op: opBoolean} },
	"not":   func(args []*expr) *expr { return &expr{op: opNot, args: []*expr{truthOf(args[0])}} },
	"matches": func(args []*expr) *expr {
		return &expr{op: opMatches, args: args[:1], pattern: regexp.MustCompile(string(args[1].text))}
	},
	"exists":          makes(opExists, truthShape),
	"starts-with":     makes(opStartsWith, truthShape),
	"contains":        makes(opContains, truthShape),
	"count":           countOf,
	"distinct-values": makes(opCountDistinct, numberShape),
	"number":          makes(opToNumber, numberShape),
	"position":        makes(opPosition, numberShape),
	"string":          makes(opToText, textShape),
	"local-name":      makes(opLocalName, textShape),
	"concat":          makes(opConcat, textShape),
	"normalize-space": makes(opNormalizeSpace, textShape),
	"translate":       makes(opTranslate, textShape),
}

func makes(op operator, s shape) func([]*expr) *expr {
	return func(args []*expr) *expr { return &expr{op: op, shape: s, args: args} }
}

// countOf counts nodes or distinct values. Distinct values occur only inside a count.
func countOf(args []*expr) *expr {
	if args[0].op == opCountDistinct {
		return args[0]
	}
	return &expr{op: opCount, shape: numberShape, args: args}
}

// truthOf returns an expression's effective boolean value.
func truthOf(x *expr) *expr {
	switch x.shape {
	case truthShape:
		return x
	case nodesShape:
		return &expr{op: opExists, args: []*expr{x}}
	}
	panic(xpathFault("a condition is missing"))
}

func (r *xpathReader) call(name string) *expr {
	r.expect("(")
	var args []*expr
	for r.token != ")" {
		args = append(args, r.or())
		if r.take(",") == "" {
			break
		}
	}
	r.expect(")")
	return functions[name](args)
}

func (r *xpathReader) path() *expr {
	x := &expr{op: opPath, shape: nodesShape}
	for {
		if r.take("@") != "" {
			if x.path.attribute = r.take("value", "id"); x.path.attribute == "" {
				panic(xpathFault("the name of an attribute is missing"))
			}
			return x
		}
		x.path.steps = append(x.path.steps, r.step())
		if r.take("/") == "" {
			return x
		}
	}
}

var axes = map[string]axis{"parent": axisParent, "descendant": axisDescendant}

// step reads [axis::]name or a dot, with its filters.
func (r *xpathReader) step() step {
	s := step{}
	if a, found := axes[r.token]; found {
		s.axis = a
		r.next()
		r.expect("::")
	}
	name, prefixed := strings.CutPrefix(r.token, "f:")
	switch {
	case r.token == ".":
		s.axis = axisSelf
	case name == "*":
	case !prefixed || r.nameIDs[name] == 0:
		panic(xpathFault("the name of an element is missing"))
	default:
		s.name = r.nameIDs[name]
	}
	r.next()
	for r.take("[") != "" {
		f := r.or()
		if f.op != opNumber {
			f = truthOf(f)
		}
		s.filters = append(s.filters, f)
		r.expect("]")
	}
	return s
}
