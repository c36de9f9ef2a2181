// Package docs holds the handbook and its example programs, so that the console can
// show them.
package docs

import "embed"

// Files are the pages and programs, with their folders, and the order of the pages.
//
//go:embed *.md contents.yaml decisions/*.md examples/*.py examples/*.sh examples/*.java examples/*.cs
var Files embed.FS
