package test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	crds "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write kubernetes/monitoring/rules.yaml")

// TestDatabaseSchema checks the cluster of PostgreSQL against the schema that
// CloudNativePG's operator installs (config/crd/bases/postgresql.cnpg.io_clusters.yaml in
// its source), which NEMS_CNPG_CRD names. Unknown fields are found too.
func TestDatabaseSchema(t *testing.T) {
	file := os.Getenv("NEMS_CNPG_CRD")
	if file == "" {
		t.Skip("NEMS_CNPG_CRD names no file with the schema of CloudNativePG's Cluster: not checked")
	}
	var crd crds.CustomResourceDefinition
	if err := yaml.Unmarshal(read(t, file), &crd); err != nil {
		t.Fatal(err)
	}
	var rules apiextensions.JSONSchemaProps
	if err := crds.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &rules, nil); err != nil {
		t.Fatal(err)
	}
	checks, _, err := validation.NewSchemaValidator(&rules)
	if err != nil {
		t.Fatal(err)
	}
	shape, err := schema.NewStructural(&rules)
	if err != nil {
		t.Fatal(err)
	}
	var cluster map[string]any
	if err := yaml.Unmarshal(build(t, "production").clusters[0], &cluster); err != nil {
		t.Fatal(err)
	}
	for _, err := range validation.ValidateCustomResource(nil, cluster, checks) {
		t.Error(err)
	}
	for _, unknown := range pruning.PruneWithOptions(cluster, shape, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		t.Errorf("%s: CloudNativePG has no such field", unknown)
	}
}

// TestDatabaseIsTheNodes: the nodes take URL and issuer from the secrets that the operator
// makes for this cluster, and what was answered 202 is on two instances.
func TestDatabaseIsTheNodes(t *testing.T) {
	o := build(t, "production")
	var cluster struct {
		Metadata struct{ Name string }
		Spec     struct {
			Instances  int
			PostgreSQL struct {
				Synchronous struct {
					Number         int
					DataDurability string
				}
			}
		}
	}
	if err := yaml.Unmarshal(o.clusters[0], &cluster); err != nil {
		t.Fatal(err)
	}
	if s := cluster.Spec.PostgreSQL.Synchronous; s.Number < 1 || s.DataDurability != "required" || cluster.Spec.Instances < s.Number+2 {
		t.Errorf("expected commits that wait for another instance, and one to spare; received %+v", cluster.Spec)
	}
	pod := o.sets[0].Spec.Template.Spec
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		if ref := c.Env[0].ValueFrom.SecretKeyRef; c.Env[0].Name != "NEMS_DATABASE" || ref.Name != cluster.Metadata.Name+"-app" || ref.Key != "uri" {
			t.Errorf("%s: expected NEMS_DATABASE from the secret of the cluster; received %+v", c.Name, c.Env[0])
		}
	}
	for _, v := range pod.Volumes {
		if v.Name == "database" && v.Secret.SecretName != cluster.Metadata.Name+"-ca" {
			t.Errorf("expected the issuer from the secret of the cluster; received %s", v.Secret.SecretName)
		}
	}
}

// TestRulesAreTheAlerts: the operator of Prometheus gets the alerts that Prometheus gets.
func TestRulesAreTheAlerts(t *testing.T) {
	const file = "../kubernetes/monitoring/rules.yaml"
	var want strings.Builder
	want.WriteString("# Made of deploy/prometheus/nems.rules.yaml by make deployments UPDATE=1; do not edit.\n" +
		"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: nems\nspec:\n")
	for line := range strings.Lines(string(read(t, "../prometheus/nems.rules.yaml"))) {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			want.WriteString(line)
		default:
			want.WriteString("  " + line)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if string(read(t, file)) != want.String() {
		t.Error("the alerts have changed: run make deployments UPDATE=1")
	}
}
