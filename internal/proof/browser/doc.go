// Package browser holds tests only: the console in a real Chromium, page by page
// and act by act, with axe-core to judge whether everybody can use it.
package browser
