// Lints a Dockerfile from stdin with the rules of `docker build --check`, without a registry and without an engine.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// Answers with an empty image: the default one asks the image's registry.
type noRegistry struct{}

func (noRegistry) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config := []byte(`{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/local/bin:/usr/bin:/bin"]}}`)
	return ref, digest.FromBytes(config), config, nil
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	results, err := dockerfile2llb.DockerfileLint(context.Background(), text, dockerfile2llb.ConvertOpt{
		MetaResolver: noRegistry{},
		SourceMap:    &llb.SourceMap{Filename: "Dockerfile", Data: text, Definition: &llb.Definition{}},
	})
	if err != nil {
		fail(err)
	}
	if results.Error != nil {
		fail(fmt.Errorf("%s", results.Error.Message))
	}
	for _, warning := range results.Warnings {
		fmt.Printf("line %d: %s: %s\n", lineOf(warning.Location), warning.RuleName, warning.Detail)
	}
	if len(results.Warnings) > 0 {
		os.Exit(1)
	}
}

func lineOf(location *pb.Location) int32 {
	for _, at := range location.GetRanges() {
		return at.GetStart().GetLine()
	}
	return 0
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
