package directory

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine is the longest allowed line of a directory file, in bytes. The widest
// published file, ONSPD, has lines of a hundredth of that.
const maxLine = 64 << 10

// byteOrderMark may precede a file in UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// lines passes a CSV reader one line at a time. It replaces a line by a blank
// one where the line would make the reader swallow others: a line with an odd
// number of quotes, which opens a field and never closes it, or a line that is
// too long. Thanks to the blank lines the other lines keep their numbers.
type lines struct {
	src     *bufio.Reader
	rest    []byte
	number  int   // of the line returned last
	read    int64 // bytes read from the source
	problem func(line int, wrong rowError)
}

func newLines(r io.Reader, problem func(line int, wrong rowError)) *lines {
	src := bufio.NewReaderSize(r, maxLine)
	l := &lines{src: src, problem: problem}
	if head, _ := src.Peek(len(byteOrderMark)); bytes.Equal(head, byteOrderMark) {
		n, _ := src.Discard(3)
		l.read = int64(n)
	}
	return l
}

// Read implements io.Reader. It never returns parts of two lines.
func (l *lines) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		line, err := l.next()
		if len(line) == 0 {
			return 0, err
		}
		l.rest = line
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// next returns the next line with its line end. The result is valid until the
// next call.
func (l *lines) next() ([]byte, error) {
	line, err := l.src.ReadSlice('\n')
	l.number++
	l.read += int64(len(line))
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return l.skip()
	case bytes.Count(line, []byte{'"'})%2 == 1:
		l.problem(l.number, rowError{expected: "every quote closed on its line"})
		return []byte{'\n'}, nil
	case len(line) > 0:
		return line, nil
	}
	return nil, err
}

// skip discards a line that is too long.
func (l *lines) skip() ([]byte, error) {
	l.problem(l.number, rowError{expected: "at most 64 KiB"})
	for {
		more, err := l.src.ReadSlice('\n')
		l.read += int64(len(more))
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return []byte{'\n'}, nil
	}
}
