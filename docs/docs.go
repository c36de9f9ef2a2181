// Package docs holds the handbook, so that the console can show it.
package docs

import "embed"

// Files are the pages, with their folders.
//
//go:embed *.md decisions/*.md
var Files embed.FS
