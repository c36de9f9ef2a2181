// Package deploy has those files of this folder that programs use. All others are read
// by Compose, kustomize and systemd.
package deploy

import _ "embed"

// HAProxy is the configuration of the proxy in compose.production.yaml.
//
//go:embed compose/haproxy.cfg
var HAProxy string
