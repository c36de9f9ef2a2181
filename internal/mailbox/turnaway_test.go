package mailbox_test

import (
	"net/http"
	"testing"
	"time"

	"nems/internal/mailbox"
	"nems/internal/mesh"
	"nems/internal/store"
)

// Each refused token has its reason, and the mailbox if it exists. The answer
// says less.
func TestRefusedTokensHaveReasons(t *testing.T) {
	type turned struct {
		mailbox string
		why     mailbox.Reason
	}
	var away []turned
	fx := newFixture(t, func(c *mailbox.Config) {
		c.TurnedAway = func(_ *http.Request, box string, why mailbox.Reason) { away = append(away, turned{box, why}) }
		c.Allowed = func(_ *http.Request, box store.Mailbox) bool { return box.ID != "BARRY" }
	})
	token := func(box, password string, at time.Time) string {
		return mesh.NewSigner(box, password, []byte(sharedKey)).Token(at)
	}
	used := token("ALICE", "password", testStart)
	if answer, _ := fx.do(request{"GET", "ALICE/inbox", map[string]string{"Authorization": used}, ""}); answer.StatusCode != 200 {
		t.Fatal(answer.Status)
	}
	for _, c := range []struct {
		path, token string
		want        turned
		answer      *mesh.Error
	}{
		{"ALICE", "NHSMESH nonsense", turned{"ALICE", mailbox.UnreadableToken}, mesh.UnreadableToken},
		{"ALICE", token("BOB", "password", testStart), turned{"ALICE", mailbox.ForeignToken}, mesh.InvalidFrom},
		{"NOBODY", token("NOBODY", "password", testStart), turned{"", mailbox.UnknownMailbox}, mesh.InvalidToken},
		{"FAR", token("FAR", "", testStart), turned{"FAR", mailbox.UnknownMailbox}, mesh.InvalidToken},
		{"ALICE", token("ALICE", "guessed", testStart), turned{"ALICE", mailbox.WrongToken}, mesh.InvalidToken},
		{"ALICE", token("ALICE", "password", testStart.Add(-3*time.Hour)), turned{"ALICE", mailbox.TokenTime}, mesh.InvalidToken},
		{"BARRY", token("BARRY", "password", testStart), turned{"BARRY", mailbox.ForeignCertificate}, mesh.InvalidToken},
		{"ALICE", used, turned{"ALICE", mailbox.UsedToken}, mesh.UsedToken},
	} {
		away = nil
		answer, body := fx.do(request{"GET", c.path + "/inbox", map[string]string{"Authorization": c.token}, ""})
		if len(away) != 1 || away[0] != c.want {
			t.Errorf("%s, %s: %v", c.path, c.want.why, away)
		}
		if answer.StatusCode != c.answer.Status || body != string(c.answer.Body(mesh.V2, "")) {
			t.Errorf("%s, %s: answered %s %s", c.path, c.want.why, answer.Status, body)
		}
	}
}
