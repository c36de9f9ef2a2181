package main

import (
	"fmt"
	"io"
)

// greeting is the output of nems without arguments; %[1]s is what starts it.
const greeting = `nems is a National Events Management Service that anyone can run: publishers
post FHIR STU3 event messages, subscribers get copies in their MESH mailboxes.

  %[1]s demo
      a complete demonstration, in a few seconds; leaves nothing
  %[1]s serve --dev
      a service on this machine, with synthetic systems and patients to try
  %[1]s subscribe --nhs-number 9912003888 --event vaccinations-1
  %[1]s example vaccinations-1 | %[1]s publish -
  %[1]s inbox MAILBOX1234
      subscribe to a patient there, publish an event, see the copy

%[1]s help lists all commands, help COMMAND explains one.
`

func greet(w io.Writer) { fmt.Fprintf(w, greeting, itself()) }

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
