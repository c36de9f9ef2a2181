package pdsapi

// Rights are what a caller may do.
type Rights struct {
	Read, Write bool
	// Authority marks a caller who may do what at PDS only the national back
	// office, registrars and maternity units may: set a formal death, take
	// patients off a practice's list, change restricted records.
	Authority bool
}
