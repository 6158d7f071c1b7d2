// Package bench loads a Parley over real sockets and says what it costs: CPU per delivery, latency, memory, and whether
// every message arrived once and in order. Beside it runs the floor, a bare program that stores and passes on prepared
// frames, so that results are ratios and not only times of one machine.
//
// It speaks to loopback only. It starts the servers itself, as children pinned to a CPU of their own where there are two.
package bench

import (
	"errors"
	"io"
)

// ErrUnsupported says that this system has no epoll.
var ErrUnsupported = errors.New("bench: needs Linux")

// Options say what to run. All are required unless a default is named.
type Options struct {
	Program     string   // the parley binary
	Scenarios   []string // of Names
	Seconds     float64  // measured, in each scenario
	Warm        float64  // seconds of load before that
	Connections int      // of M and storm, at most what the open-file limit allows
	Messages    int      // in the room of history
	Runs        int      // of each scenario; the one with the least foreign work on the server's CPU is kept
	Floor       bool     // run the floor too
	TLS         bool     // Parley ends TLS
	Seeded      string   // folder for history that holds data and tokens.json of `parley seed`, and is kept; empty for a fresh one
	Picture     string   // file for the curve of load as SVG; empty for none
	Profile     string   // folder for CPU and heap profiles of the server; empty for none
	Out         io.Writer
	Log         io.Writer // progress, and what the servers log
}

// Names are the scenarios, in the order in which they are best read.
func Names() []string { return []string{"F", "F1", "L", "R", "M", "storm", "history", "noisy", "load"} }
