package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/spine"
)

// systemsCmd registers the systems that may call.
type systemsCmd struct {
	Add    addSystems   `cmd:"" help:"Register the systems of files, or replace their registrations. A whole file is checked before any part of it is kept."`
	List   listSystems  `cmd:"" help:"List the registered systems."`
	Show   showSystem   `cmd:"" help:"Print one registration, in the form that add reads."`
	Quota  quotaSystems `cmd:"" help:"Show how many subscriptions systems and organisations have, compared with their quotas."`
	Revoke revokeSystem `cmd:"" help:"Take all rights from a system, within a second; add reinstates it."`
}

type addSystems struct {
	Files []string `arg:"" name:"file" help:"YAML or JSON: one system, a list, or a list under systems; see docs/operating.md. - is standard input."`
	operated
}

// Run reads all files before it keeps the first system.
func (a *addSystems) Run(ctx context.Context) error {
	var systems []spine.Registration
	for _, file := range a.Files {
		data, err := readFile(file)
		if err != nil {
			return err
		}
		read, err := operator.ReadSystems(data, filepath.Dir(file))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		systems = append(systems, read...)
	}
	return a.with(func(d operator.Face) error {
		if err := operator.PutSystems.Run(ctx, d, systems); err != nil {
			return err
		}
		fmt.Fprintf(stdout(), "%d registered\n", len(systems))
		return nil
	})
}

type listSystems struct {
	operated
	formatted
}

// Run prints all registrations.
func (l *listSystems) Run(ctx context.Context) error {
	return l.with(func(d operator.Face) error {
		systems, err := operator.All(ctx, d, operator.ListSystems, operator.Paging{})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, s := range systems {
			state := "active"
			if s.Revoked {
				state = "revoked"
			}
			rows = append(rows, []string{string(s.ASID), state, list(s.ODSCodes), may(s), list(s.Mailboxes), list(s.CertificateNames), strconv.Itoa(s.Keys.Len()), s.Name})
		}
		return l.print(systems, "ASID STATE ODS MAY MAILBOXES CERTIFICATES KEYS NAME", rows)
	})
}

// may summarises the rights of a system in a word or two.
func may(s spine.Registration) string {
	words := exchanges(s)
	if n := len(s.Demographics); n > 0 {
		words = strings.TrimPrefix(words+"+demographics", "-+")
	}
	return words
}

// exchanges summarises the interactions of a system in a word.
func exchanges(s spine.Registration) string {
	publishes, subscribes := false, false
	for _, id := range s.Interactions {
		if strings.HasPrefix(id, "urn:nhs:names:services:events:") {
			publishes = true
		} else {
			subscribes = true
		}
	}
	switch {
	case publishes && subscribes:
		return "both"
	case publishes:
		return "publish"
	case subscribes:
		return "subscribe"
	}
	return "-"
}

// list returns a list as the text of one cell.
func list[T ~string](items []T) string {
	if len(items) == 0 {
		return "-"
	}
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = string(item)
	}
	return strings.Join(words, ",")
}

type showSystem struct {
	ASID string `arg:"" name:"asid" help:"ASID of the system."`
	operated
	Format string `enum:"yaml,json" default:"yaml" help:"yaml or json."`
}

// Run prints one registration.
func (s *showSystem) Run(ctx context.Context) error {
	asid, err := nhs.ParseASID(s.ASID)
	if err != nil {
		return err
	}
	return s.with(func(d operator.Face) error {
		system, err := operator.ShowSystem.Do(ctx, d, operator.SystemRef{ASID: asid})
		if err != nil {
			return err
		}
		if s.Format == "json" {
			return printJSON(system)
		}
		text, err := json.Marshal(system)
		if err == nil {
			text, err = yaml.JSONToYAML(text)
		}
		if err == nil {
			_, err = stdout().Write(text)
		}
		return err
	})
}

type revokeSystem struct {
	ASID string `arg:"" name:"asid" help:"ASID of the system."`
	operated
}

// Run revokes a registration.
func (r *revokeSystem) Run(ctx context.Context) error {
	asid, err := nhs.ParseASID(r.ASID)
	if err != nil {
		return err
	}
	return r.with(func(d operator.Face) error {
		if err := operator.RevokeSystem.Run(ctx, d, operator.SystemRef{ASID: asid}); err != nil {
			return err
		}
		fmt.Fprintf(stdout(), "%s is revoked\n", asid)
		return nil
	})
}
