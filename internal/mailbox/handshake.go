package mailbox

import (
	"net/http"

	"nems/internal/mesh"
)

// handshake tells a client that its mailbox is valid ("Validate a mailbox").
func (c *call) handshake() error {
	mex := mesh.Lower(c.r.Header)
	for _, name := range []string{mesh.HeaderClientVersion, mesh.HeaderOSName, mesh.HeaderOSVersion} {
		if _, ok := mex[name]; !ok {
			return invalid{"header", name, "Field required"}
		}
	}
	if c.version == mesh.V2 {
		return c.empty()
	}
	return c.json(http.StatusOK, map[string]string{"mailboxId": c.box.ID})
}

// ping says that the server is running; clients of the sandbox ask for it.
func (c *call) ping() error {
	return c.json(http.StatusOK, map[string]string{"status": "running", "outcome": "Yes"})
}
