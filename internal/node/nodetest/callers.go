package nodetest

import (
	"context"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
)

// The systems of the development world (docs/dev-world.md).
const (
	NEMS         = "111111111111"
	PublisherID  = "300000000161"
	SpineID      = "477121000323"
	LeedsID      = "200000000115"
	NationalID   = "200000000116"
	LeedsBox     = "MAILBOX1234" // of Leeds
	NationalBox  = "X26ABC1"     // of National
	NationalBox2 = "X26ABC2"     // of National too
)

func (s *Server) system(asid, ods string) *client.Client {
	return &client.Client{URL: s.URL, ASID: asid, ODS: ods, NEMS: NEMS, HTTP: s.HTTP, Now: s.Clock.Now}
}

// Publisher is a surgery's system.
func (s *Server) Publisher() *client.Client { return s.system(PublisherID, "A83627") }

// Spine is the Spine's demographics service: it alone publishes pds events.
func (s *Server) Spine() *client.Client { return s.system(SpineID, "X26") }

// Leeds is a subscriber, to mailbox LeedsBox.
func (s *Server) Leeds() *client.Client { return s.system(LeedsID, "RR8") }

// National is another organisation's subscriber, to NationalBox and NationalBox2.
func (s *Server) National() *client.Client { return s.system(NationalID, "X26") }

// Mailbox is a mailbox as its owner reaches it.
func (s *Server) Mailbox(id string) *client.Mailbox {
	s.t.Helper()
	box, err := client.NewMailbox(client.MailboxConfig{
		URL: s.URL, ID: id, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: s.HTTP, Now: s.Clock.Now,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return box
}

// Subscribe creates a subscription and returns its id; the test fails when it
// is refused.
func (s *Server) Subscribe(c *client.Client, criteria, mailbox string) string {
	s.t.Helper()
	created, err := c.Subscribe(context.Background(), client.Subscription{Criteria: criteria, Mailbox: mailbox, Reason: "A test"})
	if err != nil {
		s.t.Fatalf("subscribe %s: %v", criteria, err)
	}
	return created.ID
}

// Publish sends a message; the test fails when it is refused.
func (s *Server) Publish(c *client.Client, message []byte, options ...client.PublishOption) {
	s.t.Helper()
	if _, err := c.Publish(context.Background(), message, options...); err != nil {
		s.t.Fatalf("publish: %v", err)
	}
}

// Collect takes everything out of a mailbox: lists, downloads, acknowledges,
// until it is empty.
func (s *Server) Collect(mailbox string) []client.Copy {
	s.t.Helper()
	ctx, box := context.Background(), s.Mailbox(mailbox)
	var copies []client.Copy
	for {
		ids, err := box.List(ctx)
		if err != nil {
			s.t.Fatalf("list %s: %v", mailbox, err)
		}
		if len(ids) == 0 {
			return copies
		}
		for _, id := range ids {
			c, err := box.Download(ctx, id)
			if err != nil {
				s.t.Fatalf("download from %s: %v", mailbox, err)
			}
			if err := box.Acknowledge(ctx, id); err != nil {
				s.t.Fatalf("acknowledge in %s: %v", mailbox, err)
			}
			copies = append(copies, c)
		}
	}
}

// Desk is the operators' desk of the server, asked as commands on its machine do.
func (s *Server) Desk() *operator.Client {
	s.t.Helper()
	access, err := operator.ReadAccess(s.Config.Data)
	if err != nil {
		s.t.Fatal(err)
	}
	return &operator.Client{Access: access, User: "tester", HTTP: s.HTTP}
}
