package pdsapi

import (
	"net/http"
	"slices"
	"strings"

	"nems/internal/access"
	"nems/internal/nhs"
	"nems/internal/spine"
)

// Rights are what a caller may do.
type Rights struct {
	Read, Write bool
	// Authority marks a caller who may do what at PDS only the national back
	// office, registrars and maternity units may: set a formal death, take
	// patients off a practice's list, change restricted records.
	Authority bool
}

// rightsOf returns what a registered system may do. Who may change may also read.
func rightsOf(s access.System) Rights {
	may := func(right access.DemographicsRight) bool { return !s.Revoked && slices.Contains(s.Demographics, right) }
	authority := may(access.DemographicsAuthority)
	write := authority || may(access.DemographicsWrite)
	return Rights{Read: write || may(access.DemographicsRead), Write: write, Authority: authority}
}

// openUser is how the audit names callers of the dev world who have no token.
const openUser = "PDS API, without a token"

// admit finds out who sent a request, and whether it may.
func (a *API) admit(x *exchange) error {
	asid, fault := a.bearer(x.r.Header.Get("Authorization"))
	if fault != nil && !a.Open {
		return fault
	}
	switch {
	case asid == "" && !a.Open:
		return unauthorised("Invalid Access Token")
	case asid == "": // of the dev world
		x.caller, x.rights, x.known = access.Caller{User: openUser}, Rights{Read: true, Write: true}, true
		return nil
	}
	system, ok, err := a.Systems.System(x.r.Context(), asid)
	if err != nil {
		return err
	}
	if !ok || system.Revoked {
		return unauthorised("Invalid Access Token")
	}
	x.caller = callerOf(system, x.r.Header)
	x.rights, x.known = rightsOf(system.System), true
	organisation := strings.ToUpper(x.r.Header.Get("NHSD-End-User-Organisation-ODS"))
	switch {
	case organisation != "" && !slices.Contains(system.ODSCodes, nhs.ODSCode(organisation)):
		return &Fault{Status: http.StatusForbidden, Code: accessDenied, Display: "Access Denied",
			Diagnostics: "The application is not registered for the organisation of NHSD-End-User-Organisation-ODS"}
	case x.changes() && !x.rights.Write:
		return &Fault{Status: http.StatusForbidden, Code: invalidMethod, Display: "Cannot update resource with application-restricted access token",
			Diagnostics: "Your app has insufficient permissions to use this method. Its registration needs the right write under demographics."}
	case !x.rights.Read:
		return unauthorised("The application is not registered for this API: its registration needs the right read under demographics")
	}
	return nil
}

// callerOf names a system, and for whom it acts, as the audit does.
func callerOf(system spine.Registration, h http.Header) access.Caller {
	c := access.Caller{System: system.System, ASID: system.ASID, Signed: true}
	if len(system.ODSCodes) > 0 {
		c.ODS = system.ODSCodes[0]
	}
	if code := nhs.ODSCode(strings.ToUpper(h.Get("NHSD-End-User-Organisation-ODS"))); slices.Contains(system.ODSCodes, code) {
		c.ODS, c.Claimed = code, true
	}
	if role := h.Get("NHSD-Session-URID"); role != "" && len(role) <= 20 && strings.Trim(role, "0123456789") == "" {
		c.User = "URID " + role
	}
	return c
}

func unauthorised(why string) *Fault {
	return &Fault{Status: http.StatusUnauthorized, Code: accessDenied, Diagnostics: why}
}

// bearer returns whose access token a request has; "" with a fault if it has none
// of ours.
func (a *API) bearer(header string) (nhs.ASID, *Fault) {
	kind, token, _ := strings.Cut(header, " ")
	switch token = strings.TrimSpace(token); {
	case header == "":
		return "", unauthorised("Missing Authorization header")
	case !strings.EqualFold(kind, "Bearer"):
		return "", unauthorised("Invalid Authorization header: expected Bearer and an access token")
	case token == "":
		return "", unauthorised("Missing access token")
	}
	asid, ok := a.Opened(token)
	if !ok {
		return "", unauthorised("Invalid Access Token")
	}
	return asid, nil
}
