// Command argocd holds the parts of Argo CD that reconcile, without its API server and user interface, and a Redis in
// memory: argocd PROGRAM ARGUMENTS..., or under the name of a program, as Argo CD calls its own helpers.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	controller "github.com/argoproj/argo-cd/v2/cmd/argocd-application-controller/commands"
	applicationset "github.com/argoproj/argo-cd/v2/cmd/argocd-applicationset-controller/commands"
	askpass "github.com/argoproj/argo-cd/v2/cmd/argocd-git-ask-pass/commands"
	reposerver "github.com/argoproj/argo-cd/v2/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

func main() {
	program := strings.TrimPrefix(filepath.Base(os.Args[0]), "argocd-")
	if program == "argocd" {
		if len(os.Args) < 2 {
			fail("which program?")
		}
		program, os.Args = os.Args[1], os.Args[1:]
	}
	commands := map[string]func() *cobra.Command{
		"application-controller":    controller.NewCommand,
		"applicationset-controller": applicationset.NewCommand,
		"git-ask-pass":              askpass.NewCommand,
		"repo-server":               reposerver.NewCommand,
		"redis":                     redis,
	}
	command, known := commands[program]
	if !known {
		fail("no such program: " + program)
	}
	if command().Execute() != nil {
		os.Exit(1)
	}
}

// redis serves a Redis in memory on 127.0.0.1:6379, which is all that Argo CD's cache needs.
func redis() *cobra.Command {
	return &cobra.Command{Use: "redis", RunE: func(*cobra.Command, []string) error {
		server := miniredis.NewMiniRedis()
		if err := server.StartAddr("127.0.0.1:6379"); err != nil {
			return err
		}
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
		for seconds := time.NewTicker(time.Second); ; {
			select {
			case <-seconds.C:
				server.FastForward(time.Second) // else nothing in it expires: its clock stands still
			case <-stop:
				return nil
			}
		}
	}}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "argocd: "+message)
	os.Exit(2)
}
