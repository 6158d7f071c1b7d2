// Package web is the web app as files inside the program.
package web

import (
	"embed"
	"errors"
	"io/fs"
)

// The pattern matches both the folder that `npm run build` makes and the tracked file dist.md, so that the program
// compiles before the app was ever built.
//
//go:embed all:dist*
var dist embed.FS

// ErrNotBuilt says that this program was compiled without the app.
var ErrNotBuilt = errors.New("the web app is not in this program: run `make web`, then build again")

// Files returns the app's files, index.html at the top, or ErrNotBuilt.
func Files() (fs.FS, error) {
	if _, err := fs.Stat(dist, "dist/index.html"); err != nil {
		return nil, ErrNotBuilt
	}
	return fs.Sub(dist, "dist")
}
