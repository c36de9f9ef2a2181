package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"nems/internal/mesh"
)

// errNotMESH is for an answer 200 from a proxy on the way, which has a page of
// its own: it must not be taken for the message.
var errNotMESH = errors.New("download: the answer has no mex- headers, so it is not MESH's")

// download fetches a message and reads its kind and facts.
func (r *Receiver) download(ctx context.Context, id string) (Message, error) {
	d, err := r.mesh.Download(ctx, id)
	if err != nil {
		return Message{}, err
	}
	if d.MessageType == "" && d.MessageID == "" {
		return Message{}, errors.Join(errNotMESH, d.Body.Close())
	}
	body, err := io.ReadAll(io.LimitReader(d.Body, r.config.MaxBody+1))
	if err = errors.Join(err, d.Body.Close()); err != nil {
		return Message{}, fmt.Errorf("download: %w", err)
	}
	if int64(len(body)) > r.config.MaxBody {
		return Message{}, fmt.Errorf("%w (%d bytes)", ErrTooLarge, r.config.MaxBody)
	}
	m := Message{
		ID: id, Kind: Other, Key: "mesh|" + id, Order: Unordered, Body: body,
		From: d.From, To: d.To, WorkflowID: d.WorkflowID, LocalID: d.LocalID,
		FileName: d.FileName, Subject: d.Subject, Replay: d.ReplayOf(), Subscriptions: readSubscriptions(d.PartnerID),
	}
	if strings.EqualFold(d.MessageType, "REPORT") {
		m.Kind, m.Status = Report, status(d.Headers)
		return m, nil
	}
	return r.read(m), nil
}

func status(h mesh.Headers) Status {
	return Status{
		Event: h.StatusEvent, Code: h.StatusCode, Description: h.StatusDescription,
		Success: strings.EqualFold(h.StatusSuccess, "SUCCESS"), LinkedID: h.LinkedMsgID, At: h.StatusTime,
	}
}
