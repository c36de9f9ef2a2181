//go:build !race

package storetest

// many is how many mailboxes the largest fan-out has.
const many = 10_000
