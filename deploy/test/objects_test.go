// Package test checks deploy/compose*.yaml with Compose's own library, and
// deploy/kubernetes with kustomize's, with the types of Kubernetes and of the Prometheus
// operator, and with the Pod Security standard. It is a module of its own, because these
// bring far more modules than NEMS has.
package test

import (
	"os"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// objects are what a folder of kustomize is built to.
type objects struct {
	sets     []*apps.StatefulSet
	services []*core.Service
	budgets  []*disruption.PodDisruptionBudget
	policies []*networking.NetworkPolicy
	monitors []*monitoring.ServiceMonitor
	rules    []*monitoring.PrometheusRule
	maps     []*core.ConfigMap
	clusters [][]byte // YAML of CloudNativePG's
	kinds    map[string]int
}

// build builds a folder and reads every object strictly: an unknown, misspelt or
// repeated field is an error, and so is a value of another type.
func build(t *testing.T, folder string) objects {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../kubernetes/"+folder)
	if err != nil {
		t.Fatal(err)
	}
	out := objects{kinds: map[string]int{}}
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		out.kinds[r.GetKind()]++
		out.read(t, r.GetKind(), text)
	}
	return out
}

func (o *objects) read(t *testing.T, kind string, text []byte) {
	t.Helper()
	switch kind {
	case "StatefulSet":
		o.sets = append(o.sets, strictly[apps.StatefulSet](t, text))
	case "Service":
		o.services = append(o.services, strictly[core.Service](t, text))
	case "PodDisruptionBudget":
		o.budgets = append(o.budgets, strictly[disruption.PodDisruptionBudget](t, text))
	case "NetworkPolicy":
		o.policies = append(o.policies, strictly[networking.NetworkPolicy](t, text))
	case "ServiceMonitor":
		o.monitors = append(o.monitors, strictly[monitoring.ServiceMonitor](t, text))
	case "PrometheusRule":
		o.rules = append(o.rules, strictly[monitoring.PrometheusRule](t, text))
	case "ConfigMap":
		o.maps = append(o.maps, strictly[core.ConfigMap](t, text))
	case "ServiceAccount":
		strictly[core.ServiceAccount](t, text)
	case "Namespace":
		strictly[core.Namespace](t, text)
	case "Cluster":
		o.clusters = append(o.clusters, text)
	default:
		t.Errorf("kind %s: expected one that this test has the types of", kind)
	}
}

func strictly[T any](t *testing.T, text []byte) *T {
	t.Helper()
	var out T
	if err := yaml.UnmarshalStrict(text, &out); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
	return &out
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
