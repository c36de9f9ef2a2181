package nodetest

import (
	"bytes"
	"sync"
)

// Log keeps what a server logs. Safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	bytes bytes.Buffer
}

// Write takes one line.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes.Write(p)
}

// String is everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes.String()
}

// Tail is the last lines.
func (l *Log) Tail(lines int) string {
	all := bytes.SplitAfter([]byte(l.String()), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], nil))
}
