package console

import (
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"

	"nems/internal/controllers"
	"nems/internal/nhs"
	"nems/internal/operator"
)

// controllers lists the rows of the controller catalogue, and gives them another
// status.
func (c *Console) controllers() page {
	p := page{path: "catalogue", title: "Controller catalogue", within: "Systems", role: operator.Viewer, acts: operator.Administrator, file: "controllers.html"}
	p.read = func(v *visit) (any, error) {
		return whole(operator.FindControllers.Do(v, v.Desk, search(v, controllerFilter(v))))
	}
	p.act = giveStatus
	p.download = func(v *visit, w http.ResponseWriter) error {
		rows := operator.Each(v, v.Desk, operator.FindControllers, operator.Matching(controllerFilter(v)))
		return export(v, w, "controller-catalogue", upTo(mostExported, rows), controllersCSV)
	}
	return p
}

func controllerFilter(v *visit) operator.ControllerFilter {
	return operator.ControllerFilter{
		Organisation: nhs.ODSCode(strings.ToUpper(strings.TrimSpace(v.text("organisation")))), Event: v.text("event"), Noticed: v.text("noticed") != "",
	}
}

func controllersCSV(w io.Writer, items iter.Seq2[operator.ControllerRow, error]) error {
	var rows []controllers.Row
	for item, err := range items {
		if err != nil {
			return err
		}
		rows = append(rows, item.Row)
	}
	return controllers.WriteCSV(w, rows)
}

// giveStatus gives a row another status, after a question.
func giveStatus(v *visit) (out outcome, err error) {
	id, status := v.text("row"), controllers.Status(v.text("status"))
	if strings.TrimSpace(v.text("reason")) == "" {
		return out, &operator.Error{Code: operator.Invalid, Field: "reason", Message: "say why the row is changed: the audit keeps it"}
	}
	if v.text("confirmed") == "" {
		return outcome{ask: &question{
			Text:    fmt.Sprintf("The row %s becomes %s, on every node within a second. Where the catalogue is enforced, what only a live row permits is refused from then on.", id, status),
			Confirm: "Make it " + string(status), Form: v.form,
		}}, nil
	}
	all, err := operator.All(v, v.Desk, operator.FindControllers, operator.Matching(operator.ControllerFilter{}))
	if err != nil {
		return out, err
	}
	at := slices.IndexFunc(all, func(r operator.ControllerRow) bool { return r.ID == id })
	if at < 0 {
		return out, &operator.Error{Code: operator.NotFound, Message: "there is no row " + id}
	}
	row := all[at].Row
	row.Status = status
	err = operator.ChangeControllers.Run(v, v.Desk, operator.ControllerChange{Rows: []controllers.Row{row}, Reason: v.text("reason")})
	return outcome{done: fmt.Sprintf("The row %s is %s.", id, status)}, err
}

// changeControllers puts rows that are pasted in, after a question that says what
// changes.
func (c *Console) changeControllers() page {
	p := page{path: "catalogue/rows", title: "Rows of the catalogue", within: "Systems", role: operator.Administrator, file: "controllerrows.html"}
	p.read = func(*visit) (any, error) { return controllers.Rules, nil }
	p.act = func(v *visit) (out outcome, err error) {
		types, err := operator.All(v, v.Desk, operator.ListEventTypes, operator.Paging{})
		if err != nil {
			return out, err
		}
		rows, err := controllers.Read("rows", []byte(v.text("rows")), func(code string) bool {
			return slices.ContainsFunc(types, func(t operator.EventType) bool { return t.Code == code })
		})
		if err != nil {
			return out, &operator.Error{Code: operator.Invalid, Field: "rows", Message: err.Error()}
		}
		change := operator.ControllerChange{Rows: rows, Reason: v.text("reason"), Try: v.text("confirmed") == ""}
		changed, err := operator.ChangeControllers.Do(v, v.Desk, change)
		if err != nil || !change.Try {
			return outcome{done: fmt.Sprintf("%d rows added, %d changed, %d as they were.", len(changed.Added), len(changed.Changed), changed.Same)}, err
		}
		return outcome{ask: &question{
			Text:    fmt.Sprintf("%d rows are added, %d change, and %d are as they were. In force on every node within a second.", len(changed.Added), len(changed.Changed), changed.Same),
			Items:   append(prefixed("new: ", changed.Added), prefixed("changed: ", changed.Changed)...),
			Confirm: "Change the catalogue", Form: v.form,
		}}, nil
	}
	return p
}

func prefixed(prefix string, ids []string) (out []string) {
	for _, id := range ids {
		out = append(out, prefix+id)
	}
	return out
}
