package stream

import (
	"errors"
	"strconv"
	"strings"
)

// Place is a place in the numbering of a subscription: behind the event of that
// number. Its text, <epoch>-<number>, is the id of a server-sent event.
type Place struct {
	Epoch  uint32
	Number uint64
}

func (p Place) String() string {
	return strconv.FormatUint(uint64(p.Epoch), 10) + "-" + strconv.FormatUint(p.Number, 10)
}

var errPlace = errors.New("expected the id of an event of this subscription, such as 1773000000-42")

// ParsePlace reads the text of a Place.
func ParsePlace(text string) (Place, error) {
	epoch, number, found := strings.Cut(text, "-")
	e, wrongEpoch := strconv.ParseUint(epoch, 10, 32)
	n, wrongNumber := strconv.ParseUint(number, 10, 63)
	if !found || wrongEpoch != nil || wrongNumber != nil {
		return Place{}, errPlace
	}
	return Place{uint32(e), n}, nil
}
