package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/mesh"
)

var ctx = context.Background()

// read downloads a whole message.
func read(t testing.TB, c *mesh.Client, id string) (mesh.Headers, []byte) {
	t.Helper()
	d, err := c.Download(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Body.Close()
	body, err := io.ReadAll(d.Body)
	if err != nil {
		t.Fatal(err)
	}
	return d.Headers, body
}

// The life of a message, in both versions.
func TestSendListDownloadAcknowledgeTrack(t *testing.T) {
	fx := newFixture(t)
	for _, change := range []func(*mesh.ClientConfig){func(*mesh.ClientConfig) {}, version1} {
		alice, bob := fx.client("alice", change), fx.client("BOB", change)
		if err := alice.Handshake(ctx); err != nil {
			t.Fatal(err)
		}
		text := []byte("Hello Bob")
		id, err := alice.Send(ctx, mesh.Outgoing{
			Headers: mesh.Headers{
				To: "bob", WorkflowID: "W1", LocalID: fmt.Sprint("local-", fx.clock.now().UnixNano()), PartnerID: "p", FileName: "upload.txt", Subject: "Hi",
				Checksum: "sha256:abc", Encrypted: true, ContentType: "text/plain",
			},
			Body: bytes.NewReader(text), Size: int64(len(text)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := bob.Count(ctx); n != 1 || err != nil {
			t.Errorf("count %d, %v", n, err)
		}
		in, err := bob.List(ctx, mesh.ListQuery{})
		if err != nil || !slices.Equal(in.Messages, []string{id}) || in.Next != "" {
			t.Fatalf("%+v, %v", in, err)
		}
		h, body := read(t, bob, id)
		if !bytes.Equal(body, text) {
			t.Errorf("got %q", body)
		}
		want := mesh.Headers{
			From: "ALICE", To: "BOB", WorkflowID: "W1", MessageType: "DATA", MessageID: id, LocalID: h.LocalID, PartnerID: "p",
			FileName: "upload.txt", Subject: "Hi", Chunk: mesh.ChunkRange{Number: 1, Total: 1}, TotalChunks: "1",
			Encrypted: true, Checksum: "sha256:abc", ContentType: "text/plain", StatusCode: "00", StatusEvent: "TRANSFER",
			StatusDescription: "Transferred to recipient mailbox", StatusSuccess: "SUCCESS", StatusTime: fx.clock.now(),
			AddressType: "ALL", Version: "1.0",
		}
		if diff := cmp.Diff(want, h); diff != "" || h.LocalID == "" {
			t.Error(diff)
		}
		if head, err := bob.Head(ctx, id); err != nil || head != h {
			t.Errorf("head: %v\n%s", err, cmp.Diff(h, head))
		}
		checkTracking(t, alice, h, id, "accepted")
		for range 2 {
			if err := bob.Acknowledge(ctx, id); err != nil {
				t.Fatal(err)
			}
		}
		checkTracking(t, alice, h, id, "acknowledged")
		if left := fx.inbox("BOB"); len(left) != 0 {
			t.Errorf("still there: %v", left)
		}
		if _, err := bob.Download(ctx, id); !errors.Is(err, mesh.Gone) {
			t.Errorf("downloaded after the acknowledgement: %v", err)
		}
		fx.clock.move(time.Second)
	}
}

func checkTracking(t *testing.T, sender *mesh.Client, h mesh.Headers, id, status string) {
	t.Helper()
	byID, err := sender.Track(ctx, id)
	if err != nil || byID.Status != status || byID.MessageID != id || byID.Recipient != "BOB" || byID.LocalID != h.LocalID || byID.FileName != h.FileName {
		t.Errorf("tracking: %+v, %v", byID, err)
	}
	byLocal, err := sender.TrackLocal(ctx, h.LocalID)
	if err != nil || byLocal.MessageID != id || byLocal.Status != status {
		t.Errorf("tracking by local id: %+v, %v", byLocal, err)
	}
}

// Chunks, compressed or not, small or too large for memory, are returned as one
// message.
func TestChunks(t *testing.T) {
	fx := newFixture(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		size, chunk int64
		compress    bool
	}{
		{1, 10, false}, {10, 10, false}, {11, 10, false}, {24, 1, false}, {24, 5, true},
		{300 << 10, 1 << 20, false}, {300 << 10, 1 << 20, true}, {900 << 10, 300 << 10, false}, {900 << 10, 400 << 10, true},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			content := make([]byte, c.size)
			for i := range content {
				content[i] = byte(random.UintN(64)) // can be compressed a little
			}
			alice := fx.client("ALICE", func(m *mesh.ClientConfig) { m.ChunkSize = c.chunk })
			id, err := alice.Send(ctx, mesh.Outgoing{
				Headers: mesh.Headers{To: "BOB", WorkflowID: "W"}, Body: bytes.NewReader(content), Size: c.size, Compress: c.compress,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, version := range []mesh.Version{mesh.V1, mesh.V2} {
				bob := fx.client("BOB", func(m *mesh.ClientConfig) { m.Version = version })
				h, body := read(t, bob, id)
				if !bytes.Equal(body, content) {
					t.Errorf("version %d: %d bytes came back of %d", version, len(body), len(content))
				}
				chunks := int((c.size + c.chunk - 1) / c.chunk)
				if h.Chunk != (mesh.ChunkRange{Number: 1, Total: chunks}) || h.TotalChunks != fmt.Sprint(chunks) || h.Compressed != c.compress {
					t.Errorf("headers %+v", h)
				}
			}
			if err := fx.client("BOB").Acknowledge(ctx, id); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A message becomes visible with its last missing chunk, in whatever order they
// come, and not earlier.
func TestUploadCompletes(t *testing.T) {
	fx := newFixture(t)
	first := map[string]string{"Mex-To": "BOB", "Mex-WorkflowID": "W", "Mex-Chunk-Range": "1:3"}
	answer, body := fx.do(request{"POST", "ALICE/outbox", first, "one "})
	if answer.StatusCode != http.StatusAccepted {
		t.Fatal(answer.Status, body)
	}
	id := strings.Split(body, `"`)[3]
	for _, step := range []struct {
		n, text string
	}{{"3", "three"}, {"1", "ONE "}, {"2", "two "}} {
		if in := fx.inbox("BOB"); len(in) != 0 {
			t.Fatalf("before chunk %s: %v", step.n, in)
		}
		if answer, _ := fx.do(request{"GET", "BOB/inbox/" + id, map[string]string{"Authorization": fx.token("BOB")}, ""}); answer.StatusCode != http.StatusGone {
			t.Errorf("uploading: %s", answer.Status)
		}
		tracked, err := fx.client("ALICE").Track(ctx, id)
		if err != nil || tracked.Status != "uploading" {
			t.Errorf("%+v, %v", tracked, err)
		}
		answer, body := fx.do(request{"POST", "ALICE/outbox/" + id + "/" + step.n, map[string]string{"Mex-Chunk-Range": step.n + ":3"}, step.text})
		if answer.StatusCode != http.StatusAccepted || !strings.Contains(body, id) {
			t.Fatal(answer.Status, body)
		}
	}
	if _, body := read(t, fx.client("BOB"), id); string(body) != "ONE two three" {
		t.Errorf("got %q", body)
	}
	answer, _ = fx.do(request{"POST", "ALICE/outbox/" + id + "/2", map[string]string{"Mex-Chunk-Range": "2:3"}, "x"})
	if answer.StatusCode != http.StatusLocked {
		t.Errorf("a chunk too late: %s", answer.Status)
	}
}

func TestPages(t *testing.T) {
	fx := newFixture(t)
	var sent []string
	for i := range 35 {
		workflow := "EVEN"
		if i%2 == 1 {
			workflow = "ODD_ACK"
		}
		sent = append(sent, fx.send("ALICE", "BOB", workflow, "x"))
	}
	for _, change := range []func(*mesh.ClientConfig){func(*mesh.ClientConfig) {}, version1} {
		bob := fx.client("BOB", change)
		var got []string
		q := mesh.ListQuery{Max: 10}
		for pages := 1; ; pages++ {
			in, err := bob.List(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, in.Messages...)
			if q.Continue = in.Next; q.Continue == "" || pages > 10 {
				break
			}
		}
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Error(diff)
		}
		in, err := bob.List(ctx, mesh.ListQuery{Workflow: mesh.WorkflowFilter{How: mesh.Contains, Not: true, Text: "_ACK"}})
		if err != nil || len(in.Messages) != 18 {
			t.Errorf("%d of 18 even ones, %v", len(in.Messages), err)
		}
	}
	answer, body := fx.do(request{"GET", "bob/inbox?max_results=10&workflow_filter=EV*", map[string]string{"Authorization": fx.token("BOB")}, ""})
	if answer.StatusCode != http.StatusOK || !strings.Contains(body, `"next":"/messageexchange/BOB/inbox?continue_from=`) ||
		!strings.Contains(body, `"self":"/messageexchange/BOB/inbox?max_results=10\u0026workflow_filter=EV%2A"`) || !strings.Contains(body, `"approx_inbox_count":35`) {
		t.Errorf("%s %s", answer.Status, body)
	}
}

func TestRichLists(t *testing.T) {
	fx := newFixture(t)
	var sent []string
	for range 25 {
		sent = append(sent, fx.send("ALICE", "BOB", "W", "x"))
	}
	if err := fx.client("BOB").Acknowledge(ctx, sent[3]); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(sent)
	for _, c := range []struct{ box, path string }{{"BOB", "BOB/inbox/rich"}, {"ALICE", "ALICE/outbox/rich"}} {
		var got []string
		next := c.path + "?max_results=10&start_time=2026-05-20T00:00:00Z"
		for range 4 {
			answer, body := fx.do(request{"GET", next, map[string]string{"Authorization": fx.token(c.box)}, ""})
			if answer.StatusCode != http.StatusOK {
				t.Fatal(answer.Status, body)
			}
			var page richPage
			decode(t, body, &page)
			for _, m := range page.Messages {
				got = append(got, m.ID)
				if m.Sender != "ALICE" || m.SenderName != "TESTMB1" || m.RecipientName != "TESTMB2" || (m.Status == "acknowledged") != (m.ID == sent[21]) {
					t.Errorf("%+v", m)
				}
			}
			if next = page.Links["next"]; next == "" {
				break
			}
		}
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Error(c.path, diff)
		}
		answer, body := fx.do(request{"GET", c.path + "?start_time=2026-05-20T12:00:00.000010Z", map[string]string{"Authorization": fx.token(c.box)}, ""})
		if answer.StatusCode != http.StatusOK {
			t.Error(body)
		}
	}
}

type richPage struct {
	Messages []struct {
		ID            string `json:"message_id"`
		Sender        string `json:"sender"`
		SenderName    string `json:"sender_name"`
		RecipientName string `json:"recipient_name"`
		Status        string `json:"status"`
	} `json:"messages"`
	Links map[string]string `json:"links"`
}

func TestLookup(t *testing.T) {
	fx := newFixture(t)
	for _, change := range []func(*mesh.ClientConfig){func(*mesh.ClientConfig) {}, version1} {
		alice := fx.client("ALICE", change)
		for _, c := range []struct {
			ods, workflow string
			want          []mesh.Endpoint
		}{
			{"X26", "RESTRICTED_WORKFLOW", []mesh.Endpoint{{Mailbox: "BOB", Name: "TESTMB2"}}},
			{"x26", "ANOTHER_WORKFLOW", []mesh.Endpoint{{Mailbox: "ALICE", Name: "TESTMB1"}}},
			{"X27", "RESTRICTED_WORKFLOW", []mesh.Endpoint{}},
			{"X99", "ANOTHER_WORKFLOW", []mesh.Endpoint{}},
			{"X26", "OPEN/WORKFLOW", []mesh.Endpoint{}},
		} {
			got, err := alice.Lookup(ctx, c.ods, c.workflow)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Error(c.ods, c.workflow, diff, err)
			}
		}
		all, err := alice.LookupWorkflow(ctx, "ANOTHER_WORKFLOW")
		if diff := cmp.Diff([]mesh.Endpoint{{Mailbox: "BARRY", Name: "TESTMB3"}, {Mailbox: "ALICE", Name: "TESTMB1"}}, all); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
}
