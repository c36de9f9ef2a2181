package mesh

import (
	"errors"
	"strings"
)

// Version is the version of the API's answers.
type Version int

// The versions ("API Versioning").
const (
	V1 Version = 1
	V2 Version = 2
)

// The media types of the versions; MediaJSON means version 1.
const (
	MediaJSON   = "application/json"
	MediaV1     = "application/vnd.mesh.v1+json"
	MediaV2     = "application/vnd.mesh.v2+json"
	MediaOctets = "application/octet-stream"
)

// ErrAccept says that the Accept header asks only for unknown MESH versions.
var ErrAccept = errors.New("no known MESH version in the Accept header")

// MediaType returns the content type of the version's answers.
func (v Version) MediaType() string {
	if v == V2 {
		return MediaV2
	}
	return MediaJSON
}

// AcceptedVersion chooses the version by an Accept header: the first known MESH
// media type, or the lowest version if there is none.
func AcceptedVersion(accept string) (Version, error) {
	mesh := false
	for _, part := range strings.FieldsFunc(accept, func(r rune) bool { return r == ',' || r == ';' }) {
		switch media := strings.ToLower(strings.TrimSpace(part)); {
		case media == MediaV2:
			return V2, nil
		case media == MediaV1:
			return V1, nil
		default:
			mesh = mesh || strings.Contains(media, "vnd.mesh")
		}
	}
	if mesh {
		return V1, ErrAccept
	}
	return V1, nil
}
