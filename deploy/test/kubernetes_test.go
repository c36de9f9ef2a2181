package test

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// TestKustomize: what is built is what is meant to be there, each of its objects whole.
func TestKustomize(t *testing.T) {
	want := map[string]int{
		"Namespace": 1, "ServiceAccount": 1, "ConfigMap": 1, "StatefulSet": 1, "Service": 2, "PodDisruptionBudget": 1,
		"NetworkPolicy": 2, "Cluster": 1, "ServiceMonitor": 1, "PrometheusRule": 1,
	}
	if got := build(t, "production").kinds; !maps.Equal(got, want) {
		t.Errorf("expected %v; received %v", want, got)
	}
	build(t, "base")
}

// TestPodSecurity: the pods satisfy Kubernetes' strictest standard, which the namespace
// enforces.
func TestPodSecurity(t *testing.T) {
	checks, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	pod := build(t, "production").sets[0].Spec.Template
	for _, r := range checks.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec) {
		if !r.Allowed {
			t.Errorf("%s: %s", r.ForbiddenReason, r.ForbiddenDetail)
		}
	}
	for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		if ro := c.SecurityContext.ReadOnlyRootFilesystem; ro == nil || !*ro {
			t.Errorf("%s: expected a read-only root", c.Name)
		}
	}
}

// TestSelectorsFindPods: services, budget, policy and spread are about the pods, and each
// of their ports is one of the container.
func TestSelectorsFindPods(t *testing.T) {
	o := build(t, "production")
	pod := o.sets[0].Spec.Template
	found := func(what string, s *meta.LabelSelector) {
		selector, err := meta.LabelSelectorAsSelector(s)
		if err != nil || selector.Empty() || !selector.Matches(labels.Set(pod.Labels)) {
			t.Errorf("%s: expected a selector of the pods; received %v, %v", what, selector, err)
		}
	}
	found("the StatefulSet", o.sets[0].Spec.Selector)
	found("the PodDisruptionBudget", o.budgets[0].Spec.Selector)
	for _, s := range pod.Spec.TopologySpreadConstraints {
		found("the spread over "+s.TopologyKey, s.LabelSelector)
	}
	for _, s := range o.services {
		found("service "+s.Name, &meta.LabelSelector{MatchLabels: s.Spec.Selector})
		for _, p := range s.Spec.Ports {
			hasPort(t, pod.Spec.Containers[0], p.TargetPort)
		}
	}
	for _, p := range o.policies {
		if p.Name != "nems" {
			continue
		}
		found("the NetworkPolicy", &p.Spec.PodSelector)
		for _, in := range p.Spec.Ingress {
			for _, port := range in.Ports {
				hasPort(t, pod.Spec.Containers[0], *port.Port)
			}
		}
	}
	if svc := o.sets[0].Spec.ServiceName; !slices.ContainsFunc(o.services, func(s *core.Service) bool { return s.Name == svc && s.Spec.ClusterIP == "None" }) {
		t.Errorf("serviceName: expected a headless service; received %s", svc)
	}
	monitor := o.monitors[0].Spec
	if !slices.ContainsFunc(o.services, func(s *core.Service) bool {
		return labels.SelectorFromSet(monitor.Selector.MatchLabels).Matches(labels.Set(s.Labels)) &&
			slices.ContainsFunc(s.Spec.Ports, func(p core.ServicePort) bool { return p.Name == monitor.Endpoints[0].Port })
	}) {
		t.Errorf("the ServiceMonitor finds no service with the port %s", monitor.Endpoints[0].Port)
	}
}

func hasPort(t *testing.T, c core.Container, want intstr.IntOrString) {
	t.Helper()
	if !slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool { return p.Name == want.StrVal || p.ContainerPort == want.IntVal }) {
		t.Errorf("port %s: the container has no such port", want.String())
	}
}

// settings are those that the deployment depends on.
type settings struct {
	FHIR, MESH, Operations struct{ Listen, Cert string }
	Drain                  string
}

// TestPodFitsTheSettings: probes ask where the settings have the service listen, the pod
// has time for its drain, and every file that the settings name is mounted.
func TestPodFitsTheSettings(t *testing.T) {
	o := build(t, "production")
	pod := o.sets[0].Spec.Template.Spec
	text := o.maps[0].Data["nems.yaml"]
	var s settings
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	c := pod.Containers[0]
	for name, listen := range map[string]string{"fhir": s.FHIR.Listen, "mesh": s.MESH.Listen, "operations": s.Operations.Listen} {
		_, port, _ := strings.Cut(listen, ":")
		i := slices.IndexFunc(c.Ports, func(p core.ContainerPort) bool { return p.Name == name })
		if i < 0 || strconv.Itoa(int(c.Ports[i].ContainerPort)) != port {
			t.Errorf("%s: expected the container's port of that name; the settings have %q", name, listen)
		}
	}
	for name, p := range map[string]*core.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		if scheme := p.HTTPGet.Scheme; (scheme == core.URISchemeHTTPS) != (s.Operations.Cert != "") {
			t.Errorf("%s probe: %s does not fit operations-cert %q", name, scheme, s.Operations.Cert)
		}
		hasPort(t, c, p.HTTPGet.Port)
	}
	if least, has := c.Lifecycle.PreStop.Sleep.Seconds+10+20, *pod.TerminationGracePeriodSeconds; has < least {
		t.Errorf("terminationGracePeriodSeconds: expected at least %d, for preStop, drain and the end; received %d", least, has)
	}
	if wait := time.Duration(c.ReadinessProbe.TimeoutSeconds) * time.Second; wait <= 2*time.Second {
		t.Errorf("readiness probe: expected more than the 2s that the answer may take; received %s", wait)
	}
	mounted := mountedFiles(pod, o.maps[0])
	for _, path := range regexp.MustCompile(`/etc/nems[^\s"]*`).FindAllString(text, -1) {
		if !mounted[path] {
			t.Errorf("the settings name %s, which is not mounted", path)
		}
	}
}

// mountedFiles returns the files of the projected volume.
func mountedFiles(pod core.PodSpec, settings *core.ConfigMap) map[string]bool {
	out := map[string]bool{}
	for _, v := range pod.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.ConfigMap != nil && source.ConfigMap.Name == settings.Name {
				for name := range settings.Data {
					out["/etc/nems/"+name] = true
				}
			}
			if source.Secret != nil {
				for _, item := range source.Secret.Items {
					out["/etc/nems/"+item.Path] = true
				}
			}
		}
	}
	return out
}
