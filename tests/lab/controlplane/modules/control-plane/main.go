// Command control-plane holds etcd, the Kubernetes programs and a maker of certificates in one binary, which
// keeps the build to one link: control-plane PROGRAM ARGUMENTS...
package main

import (
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	if len(os.Args) < 2 {
		fail("which program?")
	}
	program := os.Args[1]
	os.Args = os.Args[1:]
	switch program {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllers.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "certificates":
		if err := certificates(os.Args[1:]); err != nil {
			fail(err.Error())
		}
	default:
		fail("no such program: " + program)
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "control-plane: "+message)
	os.Exit(2)
}
