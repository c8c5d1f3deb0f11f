// Command oracle answers, with Kubernetes' own code, what the tests ask about pods: what a quota counts, what a LimitRange makes of
// them, and whether nodes can hold them. One question a line of standard input, one answer a line of standard output, in JSON.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	quota "k8s.io/apiserver/pkg/quota/v1"
	schedulinghelper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	api "k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/noderesources"
	"k8s.io/kubernetes/plugin/pkg/admission/limitranger"
	"k8s.io/utils/clock"
)

type question struct {
	Pod        *corev1.Pod           `json:"pod"`
	LimitRange *corev1.LimitRange    `json:"limitRange"`
	Required   []corev1.ResourceName `json:"required"`
	Pods       []corev1.Pod          `json:"pods"`
	Nodes      []corev1.Node         `json:"nodes"`
}

type answer struct {
	Usage    map[string]string `json:"usage,omitempty"`
	Missing  string            `json:"missing,omitempty"`
	Refused  string            `json:"refused,omitempty"`
	Packable *bool             `json:"packable,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		found := answer{}
		if asked.Pod != nil {
			found = counted(asked)
		} else {
			held := pack(asked.Pods, asked.Nodes)
			found.Packable = &held
		}
		if err := out.Encode(found); err != nil {
			os.Exit(1)
		}
	}
}

// counted is what the API server makes of a pod (defaults, then the LimitRange), and what its quota evaluator counts.
func counted(asked question) answer {
	legacyscheme.Scheme.Default(asked.Pod)
	internal := &api.Pod{}
	must(legacyscheme.Scheme.Convert(asked.Pod, internal, nil))
	found := answer{Usage: map[string]string{}}
	if asked.LimitRange != nil {
		legacyscheme.Scheme.Default(asked.LimitRange)
		must(limitranger.PodMutateLimitFunc(asked.LimitRange, internal))
		if err := limitranger.PodValidateLimitFunc(asked.LimitRange, internal); err != nil {
			found.Refused = err.Error()
		}
	}
	evaluator := core.NewPodEvaluator(nil, clock.RealClock{})
	var object runtime.Object = internal
	used, err := evaluator.Usage(object)
	must(err)
	for name, amount := range used {
		found.Usage[string(name)] = amount.AsDec().String()
	}
	required := quota.Intersection(evaluator.MatchingResources(asked.Required), asked.Required)
	if err := evaluator.Constraints(required, object); err != nil {
		found.Missing = err.Error()
	}
	return found
}

// pack says whether the scheduler's filters let all pods onto the nodes at once, in whatever order.
func pack(pods []corev1.Pod, nodes []corev1.Node) bool {
	infos := make([]*framework.NodeInfo, len(nodes))
	for index := range nodes {
		infos[index] = framework.NewNodeInfo()
		infos[index].SetNode(&nodes[index])
	}
	sort.SliceStable(pods, func(one, other int) bool { return pods[one].Name < pods[other].Name })
	return place(pods, infos)
}

func place(pods []corev1.Pod, infos []*framework.NodeInfo) bool {
	if len(pods) == 0 {
		return true
	}
	pod := &pods[0]
	for index, info := range infos {
		if !accepts(pod, info) {
			continue
		}
		with := info.Snapshot()
		with.AddPod(pod)
		rest := append([]*framework.NodeInfo{}, infos...)
		rest[index] = with
		if place(pods[1:], rest) {
			return true
		}
	}
	return false
}

func accepts(pod *corev1.Pod, info *framework.NodeInfo) bool {
	if matches, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(info.Node()); err != nil || !matches {
		return false
	}
	hard := func(taint *corev1.Taint) bool {
		return taint.Effect == corev1.TaintEffectNoSchedule || taint.Effect == corev1.TaintEffectNoExecute
	}
	if _, untolerated := schedulinghelper.FindMatchingUntoleratedTaint(info.Node().Spec.Taints, pod.Spec.Tolerations, hard); untolerated {
		return false
	}
	return len(noderesources.Fits(pod, info, noderesources.ResourceRequestsOptions{})) == 0
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
