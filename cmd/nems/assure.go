package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nems/internal/assure"
	"nems/internal/operator"
)

// assureCmd tells whether systems conform to the specification.
type assureCmd struct {
	Publisher    assurePublisher       `cmd:"" help:"Put a publishing system through a test plan, and write a report for those who assure it."`
	Subscriber   assureSubscriber      `cmd:"" help:"Put a subscribing system through a test plan, and write a report for those who assure it."`
	Plan         assurePlan            `cmd:"" help:"Print a test plan that comes with the program, to make one's own of it."`
	Verify       assureVerify          `cmd:"" help:"Check the signature of a report, and say what it found."`
	Requirements assureRequirementsCmd `cmd:"" help:"List the requirements of the specification, and what shows that each is met."`
}

// assurePublisher is the publisher's side.
type assurePublisher struct {
	Supplier       string   `required:"" env:"-" help:"Who supplies the product, for the report."`
	Product        string   `required:"" env:"-" help:"What is tested, for the report."`
	ProductVersion string   `required:"" name:"product-version" env:"-" help:"Its version, for the report."`
	Events         []string `required:"" env:"-" placeholder:"EVENT" help:"Event types that the product publishes, or subscribes to."`
	ASID           string   `name:"asid" default:"300000000161" env:"-" help:"ASID of the system under test, which is registered for the test."`
	ODS            string   `name:"ods" default:"A83627" env:"-" help:"ODS code of its organisation."`
	Mailbox        string   `env:"-" help:"MESH mailbox of the organisation, if the system subscribes too."`

	Plan       string   `env:"-" placeholder:"PLAN" help:"The test plan: one that comes with the program (publisher, requests, subscriber), or a file; default: that of the side."`
	EventTypes string   `type:"path" env:"-" placeholder:"DIR" help:"Folder with files of additional event types, which get their steps from these files."`
	Only       []string `env:"-" placeholder:"STEP" help:"Only these steps, such as new or refused/header. The report says so."`
	List       bool     `env:"-" help:"Show the steps, and test nothing."`

	Listen   string   `default:"localhost:8890" env:"-" help:"Where the system under test finds the service; port 0 chooses one."`
	TLS      bool     `name:"tls" env:"-" help:"Serve over TLS and look at client certificates; without --tls-cert with throwaway certificates."`
	TLSCert  string   `name:"tls-cert" type:"existingfile" env:"-" help:"Certificate (PEM) of the service; with --tls-key."`
	TLSKey   string   `name:"tls-key" type:"existingfile" env:"-" help:"Its private key (PEM)."`
	ClientCA string   `name:"client-ca" type:"existingfile" env:"-" help:"Issuers (PEM) of the client certificates that count."`
	Host     []string `env:"-" help:"More names and addresses in the throwaway certificate."`
	Strict   bool     `env:"-" help:"Refuse what deviates in headers and token, as a NEMS does. Without it such requests are let through, so that the test goes on, and are findings."`

	Exec   string        `env:"-" placeholder:"COMMAND" help:"Run this command for each step instead of asking a person."`
	Wait   time.Duration `default:"10m" env:"-" help:"How long a step waits for its messages."`
	Linger time.Duration `default:"2s" env:"-" help:"How long to watch after a step for what should not come."`

	Out string `default:"assurance" type:"path" env:"-" placeholder:"DIR" help:"Folder for the report: report.json, report.html, report.pdf and junit.xml."`
	Key string `type:"path" env:"-" placeholder:"FILE" help:"Ed25519 key that signs the report: nems audit key makes one; default: assurance.key in the folder, made if it is missing."`
}

// Help tells what comes.
func (*assurePublisher) Help() string {
	return `Starts a NEMS with invented patients, to which you point your system, and takes you through the steps of a plan: what to record, for whom, what your system should then do. Each request is judged: headers, token, TLS, message, and what your system does with refusals, lost answers and warnings.

  nems assure publisher --supplier "Example Ltd" --product Surgery --product-version 1.2 --events vaccinations-1

A step is over when its messages have come. Enter says that your system has done all that it does, skip leaves the step out, quit ends the test. With --exec no person is needed: the command is run for each step with NEMS_STEP, NEMS_URL, NEMS_EVENT, NEMS_KIND, NEMS_NHS_NUMBER and more in its environment (docs/assure.md), and once more with NEMS_PHASE=confirm for questions: 0 is yes, 1 is no.

Exits with 0 if everything passed, 1 if something failed, 2 if nothing failed and not all was tested.`
}

// exitError ends a command, whose output has said why, with its own exit code.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// incomplete is the exit code of a test that was not done wholly.
const incomplete exitError = 2

// Run tests.
func (p *assurePublisher) Run(ctx context.Context) error { return p.run(ctx, assure.Publisher, "") }

// run tests a side. reports is a file with what a subscriber says, "" for none.
func (p *assurePublisher) run(ctx context.Context, side, reports string) error {
	plan, err := p.plan(side)
	if err != nil {
		return err
	}
	declared := assure.Declared{
		Supplier: p.Supplier, Product: p.Product, Version: p.ProductVersion, Events: p.Events, ASID: p.ASID, ODS: strings.ToUpper(p.ODS), Mailbox: p.Mailbox,
	}
	if p.List {
		return p.list(plan, declared)
	}
	if (p.TLSCert == "") != (p.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	if err := os.MkdirAll(p.Out, 0o755); err != nil {
		return err
	}
	s, err := assure.Start(ctx, assure.Setting{
		Listen: p.Listen, TLS: p.TLS || p.TLSCert != "", Cert: p.TLSCert, Key: p.TLSKey, ClientCA: p.ClientCA, Hosts: p.Host,
		EventTypes: p.EventTypes, Strict: p.Strict, Declared: declared, Log: newLog(slog.LevelWarn, "text"),
	})
	if err != nil {
		return err
	}
	show := newAssureProgress(stdout(), colours())
	show.begin(s, plan, declared)
	report, err := assure.Execute(ctx, s, assure.Options{
		Plan: plan, Declared: declared, Driver: p.driver(ctx, s, show), Wait: p.Wait, Linger: p.Linger, Only: p.Only, Reports: reports, Program: named(), Progress: show.step,
	})
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	if err := p.write(context.WithoutCancel(ctx), report, show); err != nil {
		return err
	}
	return exitOf(report.Verdict)
}

// exitOf is how a command ends that has a verdict.
func exitOf(v assure.Verdict) error {
	switch v {
	case assure.Fail:
		return errFailed
	case assure.Incomplete:
		return incomplete
	}
	return nil
}

// plan reads the plan: one that comes with the program, or a file.
func (p *assurePublisher) plan(side string) (*assure.Plan, error) {
	chosen := cmp.Or(p.Plan, side)
	text, err := assure.PlanText(chosen)
	name := chosen + ".yaml"
	if err != nil {
		if text, err = readFile(p.Plan); err != nil {
			return nil, fmt.Errorf("--plan: %w (plans that come with the program: %s)", err, strings.Join(assure.PlanNames(), ", "))
		}
		name = p.Plan
	}
	plan, err := assure.ReadPlan(name, text)
	if err == nil && plan.Side != side {
		err = fmt.Errorf("--plan: %s is for the side %s", name, plan.Side)
	}
	return plan, err
}

// list prints the steps.
func (p *assurePublisher) list(plan *assure.Plan, d assure.Declared) error {
	steps, err := assure.StepsOf(plan, d, p.EventTypes)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, s := range steps {
		rows = append(rows, []string{s.ID, s.Title, strings.Join(s.Plan.Checks, " ")})
	}
	return printTable("STEP TITLE CHECKS", rows)
}

// key reads the key that signs, or makes one.
func (p *assurePublisher) key() (string, error) {
	if p.Key != "" {
		return p.Key, nil
	}
	path := filepath.Join(p.Out, "assurance.key")
	err := operator.MakeAuditKey(path)
	if errors.Is(err, os.ErrExist) {
		err = nil
	}
	return path, err
}

// assurePlan prints a plan.
type assurePlan struct {
	Name string `arg:"" default:"publisher" help:"publisher, subscriber, or requests: look at whatever a system sends."`
}

// Run prints it.
func (p *assurePlan) Run() error {
	text, err := assure.PlanText(p.Name)
	if err != nil {
		return err
	}
	return printUnchanged(string(text))
}
