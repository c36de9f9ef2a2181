// Package datafolder finds and opens the databases of a node: that of events, which
// a URL names or which lies in the data folder, and the directory beside it. It
// opens them for a service, for an operator while the service is stopped, and for
// reading; and it migrates, checks, backs up and restores them. It alone knows which
// engines there are.
package datafolder
