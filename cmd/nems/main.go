// Command nems is the National Events Management Service and its tools: a
// server, a demonstration, clients for publishers and subscribers, a validator
// and importers.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the whole command line, one field for each subcommand.
type cli struct {
	Demo          demoCmd          `cmd:"" help:"Demonstrate the service once: subscribe, publish, match, collect. Needs nothing, leaves nothing."`
	Serve         serveCmd         `cmd:"" help:"Run the service."`
	Config        configCmd        `cmd:"" help:"Show, explain and check the settings of nems serve."`
	Publish       publishCmd       `cmd:"" help:"Publish event messages."`
	Subscribe     subscribeCmd     `cmd:"" help:"Create a subscription."`
	Unsubscribe   unsubscribeCmd   `cmd:"" help:"End subscriptions."`
	Inbox         inboxCmd         `cmd:"" help:"Collect the messages in a MESH mailbox."`
	Validate      validateCmd      `cmd:"" help:"Check event messages against STU3 and the pages of the specification."`
	Assure        assureCmd        `cmd:"" help:"Put a supplier's system through a test plan, and write a signed report; list the requirements of the specification."`
	Example       exampleCmd       `cmd:"" help:"Print valid example messages."`
	World         worldCmd         `cmd:"" help:"Invent a population: families, places, practices, valid test NHS numbers."`
	Patients      patientsCmd      `cmd:"" help:"Look after patients' records: every change makes the events that PDS makes of it."`
	Bench         benchCmd         `cmd:"" help:"Put the load of a nation on a NEMS, and report what it came to."`
	Import        importCmd        `cmd:"" help:"Fill the directory from files, as NHS and ONS publish them."`
	Migrate       migrateCmd       `cmd:"" help:"Bring the schema of the database up to date, or move the service to another database."`
	Backup        backupCmd        `cmd:"" help:"Copy the embedded database while the service runs; of PostgreSQL, say what copies it."`
	Restore       restoreCmd       `cmd:"" help:"Make a data folder from a backup, or a restored dump of PostgreSQL ready for nodes, and check it."`
	Check         checkCmd         `cmd:"" help:"Check the whole database: file or rows, messages, audit, settings of PostgreSQL."`
	Systems       systemsCmd       `cmd:"" help:"Register the systems that may call the service."`
	Mailboxes     mailboxesCmd     `cmd:"" help:"Manage the MESH mailboxes that copies can be sent to."`
	Endpoints     endpointsCmd     `cmd:"" help:"Manage the endpoints that events go to beside mailboxes: webhooks, streams, queues."`
	Subscriptions subscriptionsCmd `cmd:"" help:"List, approve, reject, end and delete the subscriptions of all owners."`
	Catalogue     catalogueCmd     `cmd:"" help:"Keep the controller catalogue: which organisation may have which events, why, and until when."`
	EventTypes    eventTypesCmd    `cmd:"" help:"Move event types through their life cycle."`
	Deliveries    deliveriesCmd    `cmd:"" help:"Show the copies on their way, retry and park those that fail, and send earlier ones again."`
	Replay        replayCmd        `cmd:"" help:"Give subscriptions the events again that they had: start, watch, pause and cancel replays."`
	Events        eventsCmd        `cmd:"" help:"Find the events that were accepted."`
	Counts        countsCmd        `cmd:"" help:"Show how much was published, refused, matched and collected over time."`
	Play          playCmd          `cmd:"" help:"Let a scenario happen to a development service, with faults if you want; record a mailbox, and play it again."`
	Attention     attentionCmd     `cmd:"" help:"Show what a person should look at; fails when there is something."`
	Health        healthCmd        `cmd:"" help:"Ask whether a service is ready to take work; fails when it is not. For container health checks."`
	Lookup        lookupCmd        `cmd:"" help:"Look up organisations, postcodes and patients in the directory."`
	Refusals      refusalsCmd      `cmd:"" help:"Show why requests were refused."`
	Explain       explainCmd       `cmd:"" help:"Say which subscriptions an event reached, which not, and why."`
	Console       consoleCmd       `cmd:"" help:"Let people in to the console: links that sign in once, and those who are signed in."`
	Clock         clockCmd         `cmd:"" help:"Show, set, stop and run the clock of a development service."`
	Audit         auditCmd         `cmd:"" help:"Show, export and verify the record of who did what."`
	Record        recordCmd        `cmd:"" help:"Answer what information governance asks: who had what was corrected, what is processed, who receives what and why."`
	Retention     retentionCmd     `cmd:"" help:"Show how long events of each type are kept, and prove that older ones were removed."`
	Token         tokenCmd         `cmd:"" help:"Print a caller's token, or explain one."`
	Certs         certsCmd         `cmd:"" help:"Make throwaway certificates for trying mutual TLS."`
	Completion    completionCmd    `cmd:"" help:"Have the shell complete commands and flags: bash, zsh, fish."`
	Version       versionCmd       `cmd:"" help:"Print the version."`
}

// errFailed ends a command whose output has already said what is wrong.
var errFailed = errors.New("failed")

func main() { os.Exit(run(os.Args[1:])) }

// run executes one command line and returns the exit code: 0 for success, 1 for
// a failure, 2 for a wrong command line.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if completes() {
		return complete(ctx)
	}
	if len(args) == 0 {
		greet(stdout())
		return 0
	}
	parser, err := newParser(ctx, &cli{})
	if err != nil {
		fmt.Fprintln(stderr(), "nems:", err)
		return 2
	}
	command, err := parser.Parse(asUsual(args))
	if err != nil {
		// The empty value means that the flag is absent; it is not a choice to show.
		fmt.Fprintln(stderr(), "nems:", strings.Replace(err.Error(), `one of "",`, "one of ", 1))
		return 2
	}
	if err := command.Run(); err != nil {
		if code := exitError(0); errors.As(err, &code) {
			return int(code)
		}
		if !errors.Is(err, errFailed) {
			fmt.Fprintln(stderr(), "nems:", withHint(err))
		}
		return 1
	}
	return 0
}

// newParser returns the parser that fills c from the command line, the
// environment and the configuration file, in that order. Commands run until ctx
// ends.
func newParser(ctx context.Context, c *cli) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("nems"),
		kong.Description("A National Events Management Service that anyone can run. Start with: nems demo"),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.DefaultEnvars("NEMS"),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
}
