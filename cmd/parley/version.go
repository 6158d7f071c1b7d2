package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and revision are set by the linker (see the Makefile).
var version, revision string

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(std streams) error {
	v, commit := versionInfo()
	_, err := fmt.Fprintf(std.out, "parley %s, commit %s, %s\n", v, commit, runtime.Version())
	return err
}

// versionInfo returns the version and the commit that the program was built from, as far as they are known.
func versionInfo() (v, commit string) {
	v, commit = version, cmp.Or(revision, "unknown")
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v, commit
	}
	if v == "" {
		v = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && revision == "":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true" && revision == "":
			commit += " with changes"
		}
	}
	return v, commit
}
