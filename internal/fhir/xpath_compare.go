package fhir

import (
	"bytes"
	"math"
	"slices"
	"strconv"
)

// maxCompared limits how many nodes are compared with how many others. The
// paths that an invariant compares lead to elements that occur once. A document
// with more is refused anyway, and must not take quadratic time.
const maxCompared = 8

// compare evaluates a general comparison: with nodes it holds if it holds for
// one of them. The reader puts nodes on the left.
func (e *evaluator) compare(x *expr, at uint32) bool {
	left, right := x.args[0], x.args[1]
	switch {
	case left.shape == nodesShape && right.shape == truthShape && right.op == opBoolean:
		return e.compareNodes(x, at, func(v []byte) bool { return (string(v) == "true") == right.truth })
	case left.shape == truthShape:
		return (e.truth(left, at) == e.truth(right, at)) == (x.comparison == "=")
	case left.shape == nodesShape && right.shape == nodesShape:
		return e.comparePaths(x, at)
	case left.shape == nodesShape && right.shape == numberShape:
		number := e.number(right, at)
		return e.compareNodes(x, at, func(v []byte) bool { return numbersCompare(parseNumber(v), number, x.comparison) })
	case left.shape == numberShape:
		return numbersCompare(e.number(left, at), e.asNumber(right, at), x.comparison)
	case left.shape == nodesShape && right.shape == listShape:
		return e.compareNodes(x, at, func(v []byte) bool { return slices.Contains(right.list, string(v)) })
	case left.shape == nodesShape:
		text := e.text(right, at)
		return e.compareNodes(x, at, func(v []byte) bool { return bytes.Equal(v, text) == (x.comparison == "=") })
	}
	return bytes.Equal(e.text(left, at), e.text(right, at)) == (x.comparison == "=")
}

func (e *evaluator) asNumber(x *expr, at uint32) float64 {
	if x.shape == nodesShape {
		return parseNumber(e.text(x, at))
	}
	return e.number(x, at)
}

// compareNodes reports whether holds is true for the value of one of the left
// operand's nodes.
func (e *evaluator) compareNodes(x *expr, at uint32, holds func([]byte) bool) bool {
	base := len(e.found)
	defer func() { e.found = e.found[:base] }()
	for _, n := range e.nodes(x.args[0], at) {
		if holds(e.value(n)) {
			return true
		}
	}
	return false
}

func (e *evaluator) comparePaths(x *expr, at uint32) bool {
	base := len(e.found)
	defer func() { e.found = e.found[:base] }()
	left := e.nodes(x.args[0], at)
	right := e.nodes(x.args[1], at)
	for _, a := range left[:min(len(left), maxCompared)] {
		for _, b := range right[:min(len(right), maxCompared)] {
			if valuesCompare(e.value(a), e.value(b), x.comparison) {
				return true
			}
		}
	}
	return false
}

// valuesCompare compares two values. Only dates and times have an order.
func valuesCompare(a, b []byte, comparison string) bool {
	switch comparison {
	case "<=":
		return !isAfter(a, b)
	case ">=":
		return !isAfter(b, a)
	}
	return bytes.Equal(a, b) == (comparison == "=")
}

func numbersCompare(a, b float64, comparison string) bool {
	switch comparison {
	case "=":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	}
	return a >= b
}

// parseNumber reads a double of XPath; NaN means that v is not a number.
func parseNumber(v []byte) float64 {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

// normalizeSpace removes white space from the ends and replaces every other run
// of it by one blank.
func normalizeSpace(v []byte) []byte { return bytes.Join(bytes.Fields(v), []byte(" ")) }

// withoutAny removes the characters of a set.
func withoutAny(v, set []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if bytes.ContainsRune(set, r) {
			return -1
		}
		return r
	}, v)
}
