//go:build !race

package fhir

// fewer is what the numbers of documents that are compared with oracles, and the
// sizes of hostile ones, are divided by.
const fewer = 1
