package main

// assureCmd shows whether systems conform to the specification.
type assureCmd struct {
	Requirements assureRequirementsCmd `cmd:"" help:"List the requirements of the specification, who has to meet them, and what shows it."`
}
