// Loads Compose files as `docker compose` does, with every profile, and says what it cannot load.
//
//	check-compose --env-file .env --file docker-compose.yml
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
)

type list []string

func (l *list) String() string         { return strings.Join(*l, ",") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func main() {
	var files, envFiles, profiles list
	flag.Var(&files, "file", "a Compose file; may be repeated")
	flag.Var(&envFiles, "env-file", "a file with variables; may be repeated")
	flag.Var(&profiles, "profile", "a profile; all of them by default")
	flag.Parse()
	if len(profiles) == 0 {
		profiles = list{"*"}
	}
	if err := load(files, envFiles, profiles); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func load(files, envFiles, profiles []string) error {
	options, err := cli.NewProjectOptions(files,
		cli.WithOsEnv,
		// Without this call no .env is read.
		cli.WithEnvFiles(envFiles...),
		cli.WithDotEnv,
		cli.WithProfiles(profiles),
	)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	names := project.ServiceNames()
	sort.Strings(names)
	fmt.Println(strings.Join(names, " "))
	return nil
}
