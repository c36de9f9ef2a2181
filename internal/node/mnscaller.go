package node

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"nems/internal/access"
	"nems/internal/mns"
	"nems/internal/mtls"
	"nems/internal/nhs"
	"nems/internal/pdsapi"
)

// newTokens makes what gives out access tokens for the API of the MNS: to every
// registered system, because what it may do is judged by request.
func (n *node) newTokens() *pdsapi.API {
	used := n.addresses()
	used.public = strings.TrimSuffix(cmp.Or(n.MNS.PublicURL, n.PublicURL), "/")
	used.known = mtls.ViaProxy
	return pdsapi.New(pdsapi.Config{
		Systems: n.systems, Record: n.recorder.Record, Base: used.of, Open: n.Dev, TokenKey: n.accessTokenKey(), Now: n.Now, TokenTime: n.machine, Log: n.Log,
		Also: n.mnsTokens(),
	})
}

// mnsTokens tells which systems get tokens for the API of the MNS; nil where that is
// off.
func (n *node) mnsTokens() func(access.System) bool {
	if !n.MNS.serves(n.Dev) {
		return nil
	}
	return func(s access.System) bool { return len(s.Interactions) > 0 }
}

// mnsCaller finds out who sent a request to the API of the MNS. A system acts for all
// organisations of its registration. The dev world believes an unsigned token
// (nems token), and takes whoever has none that it knows for mnsDeveloper.
func (n *node) mnsCaller(r *http.Request) (access.Caller, error) {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(kind, "Bearer") || token == "" {
		if n.Dev {
			return mnsDeveloper, nil
		}
		return access.Caller{}, mns.Unauthorised(token == "")
	}
	asid, ok := n.tokens.Opened(token)
	var ods nhs.ODSCode
	if (!ok || asid == "") && n.Dev {
		if asid, ods, ok = unsigned(token); !ok {
			return mnsDeveloper, nil
		}
	}
	system, known, err := n.systems.System(r.Context(), asid)
	if err != nil {
		return access.Caller{}, err
	}
	if !ok || !known || system.Revoked || len(system.ODSCodes) == 0 {
		return access.Caller{}, mns.Unauthorised(false)
	}
	if ods != "" && !slices.Contains(system.ODSCodes, ods) {
		return access.Caller{}, mns.Unauthorised(false)
	}
	return access.Caller{System: system.System, ASID: asid, ODS: cmp.Or(ods, system.ODSCodes[0]), Claimed: ods != ""}, nil
}

// mnsDeveloper is who calls in the dev world without a token of a registered system:
// an application that may publish everything, for all organisations that have a
// mailbox.
var mnsDeveloper = access.Caller{
	System: access.System{
		ASID: "200000000115", Name: "MNS, without a token", ODSCodes: []nhs.ODSCode{"RR8", "X26", "X27"}, Interactions: []string{"*"},
		Kinds: []access.SubscriptionKind{access.Explicit, access.Generic}, Mailboxes: []string{"*"}, Spine: true,
	},
	ASID: "200000000115", ODS: "RR8", User: "MNS API, without a token",
}

// unsigned reads whom a token without a signature claims to be.
func unsigned(token string) (nhs.ASID, nhs.ODSCode, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		System       string `json:"requesting_system"`
		Organisation string `json:"requesting_organisation"`
	}
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return "", "", false
	}
	last := func(s string) string { return s[strings.LastIndexByte(s, '|')+1:] }
	asid, err := nhs.ParseASID(last(claims.System))
	ods, _ := nhs.ParseODSCode(last(claims.Organisation))
	return asid, ods, err == nil
}
