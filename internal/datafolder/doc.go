// Package datafolder finds and opens the databases of a node: the database of
// events, which is named by a URL or is in the data folder, and the directory next
// to it. It opens them for a service, for an operator while the service is stopped,
// and for reading; and it migrates, checks, backs up and restores them. It is the
// only package that knows which database engines there are.
package datafolder
