package mesh

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// ErrMessageID says that a text is not a message id: ParseMessageID returns it for ids
// that are not ours, the client for ids that no MESH would assign.
var ErrMessageID = errors.New("not a MESH message id")

const (
	stampDigits = 20 // yyyyMMddHHmmss and microseconds
	tieDigits   = 3
	rowDigits   = 3 // at least
	tieBits     = 12
)

// FormatMessageID returns the message id of a position in a mailbox, in MESH's
// form (20200529155357895317_3573F8): the position's time in UTC, 20 digits to
// the microsecond; its tie in 3 hex digits; the mailbox's row in at least 3.
// position holds microseconds since 1970 in the bits above a tie of 12 bits.
// Neither argument may be negative.
func FormatMessageID(position, mailboxRow int64) string {
	return string(AppendMessageID(make([]byte, 0, 32), position, mailboxRow))
}

// AppendMessageID appends what FormatMessageID returns.
func AppendMessageID(dst []byte, position, mailboxRow int64) []byte {
	at := time.UnixMicro(position >> tieBits).UTC()
	year, month, day := at.Date()
	hour, minute, second := at.Clock()
	stamp := uint64(year)*1e10 + uint64(month)*1e8 + uint64(day)*1e6 + uint64(hour)*1e4 + uint64(minute)*100 + uint64(second)
	dst = appendDecimal(dst, stamp, stampDigits-6)
	dst = appendDecimal(dst, uint64(at.Nanosecond()/1000), 6)
	dst = append(dst, '_')
	dst = appendHex(dst, uint64(position)&(1<<tieBits-1), tieDigits)
	return appendHex(dst, uint64(mailboxRow), rowDigits)
}

// appendDecimal appends n in exactly width digits.
func appendDecimal(dst []byte, n uint64, width int) []byte {
	var digits [stampDigits]byte
	for i := len(digits) - 1; i >= len(digits)-width; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, digits[len(digits)-width:]...)
}

// appendHex appends n in upper case with at least width digits.
func appendHex(dst []byte, n uint64, width int) []byte {
	var digits [16]byte
	i := len(digits)
	for n > 0 || len(digits)-i < width {
		i--
		digits[i] = "0123456789ABCDEF"[n&0xf]
		n >>= 4
	}
	return append(dst, digits[i:]...)
}

// ParseMessageID is the inverse of FormatMessageID, without regard to case. For
// an id that FormatMessageID would never return it returns ErrMessageID.
func ParseMessageID(id string) (position, mailboxRow int64, err error) {
	stamp, tail, ok := strings.Cut(strings.ToUpper(id), "_")
	if !ok || !digits(stamp, stampDigits) || len(stamp) != stampDigits || len(tail) < tieDigits+rowDigits {
		return 0, 0, ErrMessageID
	}
	at, err := time.Parse("20060102150405", stamp[:14])
	if err != nil {
		return 0, 0, ErrMessageID
	}
	micros, err := strconv.ParseInt(stamp[14:], 10, 64)
	if err != nil {
		return 0, 0, ErrMessageID
	}
	tie, err := strconv.ParseInt(tail[:tieDigits], 16, 64)
	if err != nil {
		return 0, 0, ErrMessageID
	}
	if mailboxRow, err = strconv.ParseInt(tail[tieDigits:], 16, 64); err != nil {
		return 0, 0, ErrMessageID
	}
	micros += at.Unix() * 1e6
	position = micros<<tieBits | tie
	// This refuses signs, years that do not fit into 51 bits, and needless zeros.
	if position < 0 || mailboxRow < 0 || FormatMessageID(position, mailboxRow) != strings.ToUpper(id) {
		return 0, 0, ErrMessageID
	}
	return position, mailboxRow, nil
}
