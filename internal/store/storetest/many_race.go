//go:build race

package storetest

// many is smaller under the race detector, which makes a store in pure Go
// thirty times slower: ten thousand mailboxes would take a minute.
const many = 1_200
