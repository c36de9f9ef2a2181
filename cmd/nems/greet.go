package main

import (
	"fmt"
	"io"
)

// greeting is the output of nems without arguments.
const greeting = `nems is a National Events Management Service that anyone can run: publishers
post FHIR STU3 event messages, subscribers get copies in their MESH mailboxes.

  nems demo           a complete demonstration, in a few seconds; leaves nothing
  nems serve --dev    a service on this machine, with synthetic systems and
                      patients to try it with
  nems example vaccinations-1 | nems publish -
                      publish an event to it; then nems inbox MAILBOX1234

nems help lists all commands, nems help COMMAND explains one.
`

func greet(w io.Writer) { fmt.Fprint(w, greeting) }

// asUsual translates the spellings that people try first into those that the
// parser knows: help, help COMMAND, --version.
func asUsual(args []string) []string {
	switch args[0] {
	case "help":
		return append(args[1:len(args):len(args)], "--help")
	case "--version":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}
