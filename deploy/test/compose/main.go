// Fails where a compose file has a key that is none, a service that is not there, or no health check.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(os.Args[1:], cli.WithName("onhand"), cli.WithoutEnvironmentResolution)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	unwatched := 0
	for name, service := range project.Services {
		if service.HealthCheck == nil && service.Restart != "no" {
			fmt.Fprintf(os.Stderr, "%s has no health check\n", name)
			unwatched++
		}
	}
	if unwatched > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d services\n", len(project.Services))
}
