package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"parley/bench"
)

type benchCmd struct {
	Scenarios   []string `help:"Of ${default}. F: 1 room of 1,000, 8 messages under way; F1: 1 under way; L: 20 messages/s; R: 200 rooms of 10; M: memory of idle connections; storm: all reconnect at once; history: pages of a large room; noisy: rooms beside those that send all they can; load: latency up to twice what can be taken." default:"F,F1,L,R,M,storm,history,noisy,load" placeholder:"NAME"`
	Seconds     float64  `help:"Seconds measured in each scenario (${default})." default:"10" placeholder:"N"`
	Warm        float64  `help:"Seconds of load before that (${default})." default:"3" placeholder:"N"`
	Connections int      `help:"Connections of M and storm; fewer if the open-file limit says so (${default})." default:"10000" placeholder:"N"`
	Messages    int      `help:"Messages in the room of history (${default})." default:"200000" placeholder:"N"`
	Runs        int      `help:"Runs of F, F1, L and R each; the one is kept in which others used the server's CPU least (${default})." default:"1" placeholder:"N"`
	Floor       bool     `help:"Run the floor too, a bare program to compare with (yes)." default:"true" negatable:""`
	TLS         bool     `name:"tls" help:"Parley ends TLS."`
	Seeded      string   `help:"Folder for history: data and tokens.json in it are of 'parley seed'. It is kept." type:"existingdir" placeholder:"DIR"`
	Picture     string   `help:"Also draw the curve of load here, as SVG." type:"path" placeholder:"FILE"`
	Profile     string   `help:"Also write profiles of CPU and heap of the server here, for 'go tool pprof'." type:"path" placeholder:"DIR"`
}

// Run loads servers that it starts itself.
func (c *benchCmd) Run(ctx context.Context, std streams) error {
	for _, name := range c.Scenarios {
		if !slices.Contains(bench.Names(), name) {
			return usagef("--scenarios: there is no %q, but %s", name, strings.Join(bench.Names(), ", "))
		}
	}
	if c.Seconds <= 0 || c.Warm < 0 || c.Connections < 1 || c.Messages < 1000 || c.Runs < 1 {
		return usagef("bench: seconds, connections and runs must be above 0, messages at least 1000")
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	return bench.Run(ctx, bench.Options{
		Program: program, Scenarios: c.Scenarios, Seconds: c.Seconds, Warm: c.Warm, Connections: c.Connections, Messages: c.Messages,
		Runs: c.Runs, Floor: c.Floor, TLS: c.TLS, Seeded: c.Seeded, Picture: c.Picture, Profile: c.Profile, Out: std.out, Log: std.err,
	})
}

type floorCmd struct {
	File string `arg:"" help:"What is said is appended to this file." type:"path"`
}

// Run serves until ctx ends.
func (c *floorCmd) Run(ctx context.Context, std streams) error {
	return bench.Floor(ctx, c.File, func(address string) { fmt.Fprintln(std.out, address) })
}
