package console

import (
	"fmt"

	"nems/internal/nhs"
	"nems/internal/operator"
)

func (c *Console) systems() page {
	return page{path: "systems", title: "Systems", role: operator.Viewer, acts: operator.Administrator, file: "systems.html", read: func(v *visit) (any, error) {
		return whole(operator.ListSystems.Do(v, v.Desk, operator.Paging{Limit: listed, After: v.text("after")}))
	}, act: func(v *visit) (out outcome, err error) {
		asid := v.text("asid")
		if v.text("confirmed") == "" {
			return outcome{ask: &question{
				Text:    fmt.Sprintf("The system %s loses all its rights, on every node within a second. To reinstate it, register it again.", asid),
				Confirm: "Revoke " + asid, Form: v.form,
			}}, nil
		}
		err = operator.RevokeSystem.Run(v, v.Desk, operator.SystemRef{ASID: nhs.ASID(asid)})
		return outcome{done: "The system " + asid + " is revoked."}, err
	}}
}
