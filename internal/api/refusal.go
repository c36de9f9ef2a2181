package api

import (
	"net/http"

	"nems/internal/access"
	"nems/internal/refuse"
)

// WriteRefusal answers with a refusal as the API does, in the given form. It is for
// those who stand in front of the API and answer in its place, as when a supplier's
// system is to meet every refusal that there is.
func WriteRefusal(w http.ResponseWriter, media access.Media, r *refuse.Refusal) {
	(&exchange{w: w, media: media}).refuse(r)
}
