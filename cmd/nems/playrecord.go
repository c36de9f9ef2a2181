package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"nems/internal/mesh"
	"nems/internal/play"
)

// recordingFlags say what to record.
type recordingFlags struct {
	Record      string `type:"path" env:"-" placeholder:"FILE" help:"Record what waits in a mailbox, without its patients, to play it again."`
	Mailbox     string `env:"-" help:"With --record: the MESH mailbox. Its messages stay in it."`
	Acknowledge bool   `env:"-" help:"With --record: acknowledge the messages once the file is on disk. The MESH does not have them any more, and the file has them without their patients."`
	Password    string `default:"password" env:"NEMS_MAILBOX_PASSWORD" help:"With --record: password of the mailbox."`
	SharedKey   string `name:"shared-key" default:"TestKey" env:"NEMS_MESH_SHARED_KEY" help:"With --record: shared key of the MESH environment."`
	MESH        string `name:"url" default:"http://localhost:8880" help:"With --record: address of the MESH."`
}

// largestRecorded limits a message in bytes; event messages have 3 MB at most.
const largestRecorded = 8 << 20

// record copies a mailbox into a recording.
func (p *playCmd) record(ctx context.Context) error {
	if p.Mailbox == "" || p.What != "" || p.Week {
		return errors.New("--record goes with --mailbox, and without a scenario")
	}
	h, err := p.httpClient()
	if err != nil {
		return err
	}
	box, err := mesh.NewClient(mesh.ClientConfig{
		URL: p.MESH, Mailbox: p.Mailbox, Password: p.Password, SharedKey: []byte(p.SharedKey), Transport: h.Transport,
	})
	if err != nil {
		return err
	}
	defer box.Close()
	ids, messages, err := download(ctx, box)
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		return fmt.Errorf("%s is empty: there is nothing to record", p.Mailbox)
	}
	secret, err := p.secret()
	if err != nil {
		return err
	}
	written, strange, err := p.write(messages, secret)
	if err != nil {
		return err
	}
	if p.Acknowledge {
		for i, id := range ids {
			if slices.Contains(strange, i) {
				continue
			}
			if err := box.Acknowledge(ctx, id); err != nil {
				return fmt.Errorf("the recording is whole, but not all messages are acknowledged: %w", err)
			}
		}
	}
	return p.recorded(written, len(strange))
}

// secret decides what stands for what. Without a seed nobody can do it again, or test
// a guess.
func (p *playCmd) secret() ([]byte, error) {
	if p.Seed != nil {
		return []byte("seed " + strconv.FormatUint(*p.Seed, 10)), nil
	}
	secret := make([]byte, 32)
	_, err := rand.Read(secret)
	return secret, err
}

// download reads all messages of a mailbox, oldest first.
func download(ctx context.Context, box *mesh.Client) (ids []string, messages [][]byte, err error) {
	var q mesh.ListQuery
	for {
		page, err := box.List(ctx, q)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range page.Messages {
			body, err := body(ctx, box, id)
			if err != nil {
				return nil, nil, fmt.Errorf("message %s: %w", id, err)
			}
			ids, messages = append(ids, id), append(messages, body)
		}
		if q.Continue = page.Next; page.Next == "" {
			return ids, messages, nil
		}
	}
}

func body(ctx context.Context, box *mesh.Client, id string) ([]byte, error) {
	d, err := box.Download(ctx, id)
	if err != nil {
		return nil, err
	}
	defer d.Body.Close()
	text, err := io.ReadAll(io.LimitReader(d.Body, largestRecorded+1))
	if err == nil && len(text) > largestRecorded {
		err = fmt.Errorf("it has more than %d bytes", largestRecorded)
	}
	return text, err
}

// write puts the recording on disk: whole, or not at all.
func (p *playCmd) write(messages [][]byte, secret []byte) (written int, strange []int, err error) {
	var text bytes.Buffer
	if written, strange, err = play.Record(&text, messages, secret); err != nil {
		return 0, nil, err
	}
	f, err := os.OpenFile(p.Record, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return 0, nil, fmt.Errorf("%s is there already: give another name", p.Record)
	}
	if err != nil {
		return 0, nil, err
	}
	_, err = f.Write(text.Bytes())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, nil, errors.Join(err, os.Remove(p.Record))
	}
	return written, strange, nil
}

// recorded says what was recorded.
func (p *playCmd) recorded(written, strange int) error {
	if p.Format == "json" {
		return printJSON(struct {
			File         string `json:"file"`
			Messages     int    `json:"messages"`
			Strange      int    `json:"strange"`
			Acknowledged bool   `json:"acknowledged"`
		}{p.Record, written, strange, p.Acknowledge})
	}
	fmt.Fprintf(stdout(), "%s: %d messages, without their patients.", p.Record, written)
	if strange > 0 {
		fmt.Fprintf(stdout(), " %d others are no event messages and were left out.", strange)
	}
	if !p.Acknowledge {
		fmt.Fprintf(stdout(), " They stay in %s.", p.Mailbox)
	}
	fmt.Fprintln(stdout())
	return nil
}
