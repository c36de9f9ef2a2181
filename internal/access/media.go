package access

// Format is a format of FHIR resources.
type Format byte

// The formats.
const (
	XML Format = iota
	JSON
)

// Media is a media type that a NEMS reads and writes.
type Media struct {
	Format Format
	Type   string // as in a Content-Type header
}

// DefaultMedia applies where no media type is named (both "Generic API
// Guidance" pages).
var DefaultMedia = Media{XML, "application/xml+fhir;charset=utf-8"}
