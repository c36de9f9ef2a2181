package assure

import (
	"net/http"
	"strings"
	"sync"

	"nems/internal/directory/devworld"
	"nems/internal/mesh"
)

// meshChecks are those of every request to the MESH API.
var meshChecks = map[string]Check{
	"mesh-token":       {Says: "Each call of the MESH API has an NHSMESH token of its mailbox.", Page: "NHSDigital/mesh-api-specification"},
	"mesh-token-fresh": {Says: "No NHSMESH token is used twice: nonce or count differ.", Page: "NHSDigital/mesh-api-specification"},
	"mesh-client":      {Says: "A handshake has Mex-ClientVersion, Mex-OSName and Mex-OSVersion.", Page: "NHSDigital/mesh-api-specification"},
}

func init() {
	for name, c := range meshChecks {
		everyChecks[name] = c
	}
}

// used are the tokens that have come. Safe for concurrent use.
type used struct {
	mu   sync.Mutex
	seen map[string]bool
}

// again reports whether a token has come before.
func (u *used) again(token string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seen == nil {
		u.seen = map[string]bool{}
	}
	before := u.seen[token]
	u.seen[token] = true
	return before
}

// mailbox looks at a request to the MESH API.
func (j *Judge) mailbox(x *Exchange) (looked []Problem) {
	path, _, _ := strings.Cut(strings.TrimPrefix(x.Path, "/messageexchange/"), "?")
	box, _, deeper := strings.Cut(strings.TrimSuffix(path, "/"), "/")
	if !strings.EqualFold(box, j.Mailbox) || j.Mailbox == "" {
		return nil
	}
	looked = j.encrypted(x)
	token, err := mesh.ParseToken(x.Header.Get("Authorization"))
	if err == nil {
		err = token.Verify([]byte(devworld.SharedKey), devworld.Password, j.Now())
	}
	text := ""
	if err != nil {
		text = "expected NHSMESH mailbox:nonce:count:time:hash; " + err.Error()
	} else {
		fresh := ""
		if j.tokens.again(token.String()) {
			fresh = "expected another nonce or count in each request; received the same token again"
		}
		looked = append(looked, every("mesh-token-fresh", fresh))
	}
	looked = append(looked, every("mesh-token", text))
	if !deeper {
		var missing []string
		for _, name := range []string{"Mex-ClientVersion", "Mex-OSName", "Mex-OSVersion"} {
			if x.Header.Get(name) == "" {
				missing = append(missing, name)
			}
		}
		text := ""
		if len(missing) > 0 {
			text = "expected Mex-ClientVersion, Mex-OSName and Mex-OSVersion; missing: " + strings.Join(missing, ", ")
		}
		looked = append(looked, every("mesh-client", text))
	}
	return looked
}

// chunksIn is how many chunks a message has, by the headers of one of them; 0 if they do
// not say.
func chunksIn(h http.Header) int {
	return mesh.ReadHeaders(h).Chunk.Total
}
